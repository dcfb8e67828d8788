import type { Call, ConnectorFile, ExtractSource, Step } from '../../contracts/connectors';
import { limitCovers } from './connectors.rules';
import {
  checkOperand,
  checkPattern,
  checkRequest,
  checkTemplate,
} from './connectors-requests.rules';
import type { Path, Report, Scope } from './connectors-requests.rules';
import { referencesOf } from './connectors-templates.rules';
import { pointerOf } from './connectors-values.rules';

/** One mistake in a connector file: where (JSON pointer) and what to do about it. */
export interface Mistake {
  readonly pointer: string;
  readonly message: string;
}

/**
 * The parts of a file that could be read, so that what depends on them is checked even while others are wrong. A part
 * that is there but unreadable is a member with the value undefined.
 */
export type ReadableConnector = Partial<Omit<ConnectorFile, 'steps'>> & {
  readonly steps: readonly Partial<Step>[];
};

/** Everything that a schema cannot say about a connector file. */
export function connectorMistakes(connector: ReadableConnector): Mistake[] {
  const mistakes: Mistake[] = [];
  const report = (path: Path, message: string) =>
    mistakes.push({ pointer: pointerOf(path), message });
  checkOrder(connector.steps, report);
  connector.steps.forEach((step, index) => {
    checkStep(connector, step, index, report);
  });
  checkLimits(connector, report);
  if (connector.external_id !== undefined) {
    const scope: Scope = { steps: connector.steps, before: connector.steps.length };
    checkTemplate(connector.external_id, ['external_id'], scope, report);
    for (const { root } of referencesOf(connector.external_id)) {
      if (root === 'secret') report(['external_id'], 'must not be made of a secret; use an id');
    }
  }
  if (connector.probe) {
    checkRequest(connector.probe.request, ['probe', 'request'], nothingKnown, report);
    checkMatches(connector.probe.expect, ['probe', 'expect'], nothingKnown, report);
  }
  return mistakes;
}

const nothingKnown: Scope = {
  steps: [],
  before: 0,
  unavailable: 'a probe runs without a customer; write the value itself',
};

function checkOrder(steps: readonly Partial<Step>[], report: Report): void {
  const order = ['workspace_registered', 'token_added', 'validated'];
  const names = new Map<string, number>();
  let reached = -1;
  steps.forEach(({ name, state }, index) => {
    if (name !== undefined) {
      const first = names.get(name);
      if (first === undefined) names.set(name, index);
      else {
        report(
          ['steps', index, 'name'],
          `is also the name of step ${first + 1}; give each its own`,
        );
      }
    }
    if (state === undefined) return;
    const rank = order.indexOf(state);
    if (rank <= reached) {
      report(
        ['steps', index, 'state'],
        `is reached no later than ${order[reached]} of a step before; states come in the order ${order.join(', ')}, each once`,
      );
    }
    reached = Math.max(reached, rank);
  });
}

function checkStep(
  connector: ReadableConnector,
  step: Partial<Step>,
  index: number,
  report: Report,
): void {
  const at = ['steps', index];
  const claims = ownExtracts(step, (source) => 'jwt' in source);
  const own = (extracts: ReadonlySet<string>) =>
    step.name === undefined ? undefined : { step: step.name, extracts };
  const before: Scope = { steps: connector.steps, before: index, own: own(claims) };
  const done: Scope = { ...before, own: own(ownExtracts(step, () => true)) };
  // An answer is judged by what the steps before have left; a claim of a token is written as {"jwt", "claim"} there.
  const judged: Scope = { ...before, own: own(new Set()) };

  checkCall(step, at, before, judged, report);
  if (step.verify) {
    checkCall(step.verify, [...at, 'verify'], before, judged, report);
    checkRules(step.verify.absent, [...at, 'verify', 'absent'], judged, report);
    checkAdoption(step, at, report);
  } else if (step.repeat === 'verify' && !('verify' in step)) {
    report(
      [...at, 'repeat'],
      'is "verify", but there is no verify request; declare one, or use "safe" or "never"',
    );
  }
  if (step.compensate !== undefined && step.compensate !== 'none') {
    checkCall(step.compensate, [...at, 'compensate'], done, done, report);
    checkUndo(step, claims, at, report);
  }
}

function ownExtracts(
  step: Partial<Step>,
  which: (source: ExtractSource) => boolean,
): ReadonlySet<string> {
  return new Set(
    Object.entries(step.extract ?? {}).flatMap(([name, source]) => (which(source) ? [name] : [])),
  );
}

// Adopting what a look-up found must leave the same values as the lost answer would have.
function checkAdoption(step: Partial<Step>, at: Path, report: Report): void {
  const found = step.verify?.extract ?? {};
  for (const [name, source] of Object.entries(step.extract ?? {})) {
    if (('optional' in source && source.optional) || Object.hasOwn(found, name)) continue;
    report(
      [...at, 'verify', 'extract'],
      `lacks ${name}, which the step extracts; add it, so that an adopted outcome leaves the same values`,
    );
  }
  for (const name of Object.keys(found)) {
    if (Object.hasOwn(step.extract ?? {}, name)) continue;
    report(
      [...at, 'verify', 'extract', name],
      'is not extracted by the step itself; add it there or remove it here',
    );
  }
}

function checkUndo(
  step: Partial<Step>,
  claims: ReadonlySet<string>,
  at: Path,
  report: Report,
): void {
  if (step.verify || step.compensate === 'none' || step.compensate === undefined) return;
  for (const reference of referencesOf(step.compensate.request)) {
    const lost =
      reference.root === 'extract' && reference.step === step.name && !claims.has(reference.name);
    if (!lost) continue;
    report(
      [...at, 'compensate', 'request'],
      `needs {{${reference.text}}}, which is unknown when the answer was lost; declare verify, or use a value known before the call`,
    );
  }
}

function checkCall(
  call: Partial<Call>,
  at: Path,
  sent: Scope,
  judged: Scope,
  report: Report,
): void {
  if (call.request) checkRequest(call.request, [...at, 'request'], sent, report);
  if (call.expect) checkMatches(call.expect, [...at, 'expect'], judged, report);
  checkRules(call.permanent ?? [], [...at, 'permanent'], judged, report);
  checkRules(call.transient ?? [], [...at, 'transient'], judged, report);
  checkRules(call.uncertain ?? [], [...at, 'uncertain'], judged, report);
  for (const [name, source] of Object.entries(call.extract ?? {})) {
    const place = [...at, 'extract', name];
    if ('jwt' in source) checkOperand(source, place, judged, report);
    else if (source.where) {
      checkOperand(source.where.equals, [...place, 'where', 'equals'], judged, report);
    }
  }
}

function checkRules(
  rules: readonly Partial<Step['transient'][number]>[],
  at: Path,
  scope: Scope,
  report: Report,
): void {
  rules.forEach((rule, index) => {
    const place = [...at, index];
    checkMatches(rule, place, scope, report);
    rule.headers?.forEach((header, n) => {
      checkPattern(header.matches, [...place, 'headers', n, 'matches'], report);
    });
    checkPattern(rule.text?.matches, [...place, 'text', 'matches'], report);
  });
}

function checkMatches(
  { json }: { json?: Step['expect']['json'] | undefined },
  at: Path,
  scope: Scope,
  report: Report,
): void {
  json?.forEach((match, index) => {
    const place = [...at, 'json', index];
    checkPattern(match.matches, [...place, 'matches'], report);
    checkOperand(match.equals, [...place, 'equals'], scope, report);
    checkOperand(match.contains_item?.equals, [...place, 'contains_item', 'equals'], scope, report);
  });
}

function checkLimits({ rate_limits, steps }: ReadableConnector, report: Report): void {
  const seen = new Set<string>();
  const requests = steps.flatMap((step) => [
    step.request,
    step.verify?.request,
    step.compensate === 'none' ? undefined : step.compensate?.request,
  ]);
  const allRead = steps.every((step) => step.request !== undefined);
  rate_limits?.forEach(({ path }, index) => {
    const place = ['rate_limits', index, 'path'];
    if (seen.has(path)) report(place, 'has a limit already; keep one of the two');
    seen.add(path);
    const used = requests.some((request) => request && limitCovers(path, request.path));
    if (!used && allRead && path !== '*') {
      report(place, 'is the path of no request of this connector; correct or remove it');
    }
  });
}
