import type { OutboundResult } from '../contracts/connectors';
import { describeMistake } from '../domain/onboarding/connectors';
import { judge } from '../domain/onboarding/connectors-judging.rules';
import { readConnector } from '../domain/onboarding/connectors-reading';
import type { Environment } from '../domain/onboarding/connectors-reading';
import type { TemplateContext } from '../domain/onboarding/connectors-templates.rules';
import {
  callOf,
  externalIdOf,
  hiddenFor,
  limitOf,
  renderProbe,
  renderRequest,
  stepsOf,
} from '../domain/onboarding/connectors.rules';
import type {
  BlueprintStep,
  Connector,
  RenderedRequest,
  StepPart,
} from '../domain/onboarding/connectors.rules';
import { DomainError, problems } from '../errors/problems';

/** 0: the file is valid and its probe, if run, was answered as expected; 1: it is not. */
export type CheckOutcome = 0 | 1;

/** What `connector check` needs. */
export interface ConnectorCheck {
  /** Its name, as mistakes are told by. */
  readonly file: string;
  /** What stands in it. */
  readonly text: string;
  /** The client that requests are rendered for; without one every value is a visible placeholder. */
  readonly dryRun?: TemplateContext | undefined;
  readonly env: Environment;
  readonly out: (line: string) => void;
  /** Sends the probe; without it the probe is only shown. No other request is ever sent. */
  readonly runProbe?: ((probe: RenderedRequest) => Promise<OutboundResult>) | undefined;
}

/** Checks one connector file for a person: its mistakes, else every request that it would send, then its probe. */
export async function checkConnector(check: ConnectorCheck): Promise<CheckOutcome> {
  const { file, text, env, out } = check;
  const { connector, mistakes } = readConnector(text, env);
  if (connector === undefined) {
    out(`${mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`}:`);
    for (const mistake of mistakes) out(describeMistake({ file, ...mistake }));
    out('docs/CONNECTORS.md explains every field.');
    return 1;
  }
  const shown = withPlaceholders(connector);
  out(describe(shown));
  const context = contextOf(shown, check.dryRun);
  for (const plan of stepsOf({ connectors: [shown] })) showStep(shown, plan, context, out);
  const id = externalIdOf(shown, context);
  if (id !== undefined) out(`The tenant's object is called ${id}`);
  return runProbe(connector, shown, check);
}

// Unset variables are shown by name, so that a file can be checked on a machine that has no key.
function withPlaceholders(connector: Connector): Connector {
  return connector.baseUrl === '' ? { ...connector, baseUrl: '<base_url>' } : connector;
}

function describe(connector: Connector): string {
  const ways = { 'api-key': 'X-Api-Key', bearer: 'Authorization: Bearer', none: 'no key' };
  const lines = [
    `${connector.name} is valid: ${connector.title}, ${connector.baseUrl}, ${ways[connector.auth.kind]}, ${connector.steps.length} steps`,
  ];
  if (connector.unset.length > 0) {
    lines.push(`Not set: ${connector.unset.join(', ')}; no tenant can be given this connector yet`);
  }
  return lines.join('\n');
}

function contextOf(connector: Connector, given: TemplateContext | undefined): TemplateContext {
  const extracts = connector.steps.map(({ name, extract }) => {
    const placeholders = Object.keys(extract).map((key) => [key, `<${name}.${key}>`] as const);
    return [name, { ...Object.fromEntries(placeholders), ...given?.extract[name] }] as const;
  });
  return {
    input: {
      spreadsheet_id: given?.input.spreadsheet_id ?? '<spreadsheet_id>',
      owner_email: given?.input.owner_email ?? '<owner_email>',
    },
    tenant: given?.tenant ?? { id: '<tenant.id>', slug: '<tenant.slug>', name: '<tenant.name>' },
    onboarding: given?.onboarding ?? { id: '<onboarding.id>' },
    secret: { wb_token: given?.secret.wb_token ?? '<wb_token>' },
    extract: Object.fromEntries(extracts),
  };
}

function showStep(
  connector: Connector,
  plan: BlueprintStep,
  context: TemplateContext,
  out: (line: string) => void,
): void {
  const step = connector.steps.find(({ name }) => name === plan.step);
  if (step === undefined) return;
  const facts = [
    `repeat ${plan.repeat}`,
    `at most ${plan.timeoutMs / 1_000} s`,
    ...(plan.needs.length > 0 ? [`needs ${plan.needs.join(' and ')}`] : []),
    ...(plan.skippable ? ['may be skipped'] : []),
    ...(plan.compensation === 'leave-and-mark' ? ['cannot be undone: left and marked'] : []),
  ];
  const reached = plan.state === undefined ? '' : ` → ${plan.state}`;
  out(`\n${plan.position}. ${plan.key}${reached} (${facts.join(', ')})`);
  const labels = { request: 'sends', verify: 'looks up with', compensate: 'is undone by' };
  for (const part of ['request', 'verify', 'compensate'] as const satisfies readonly StepPart[]) {
    const call = callOf(step, part);
    if (call === undefined) continue;
    const limit = limitOf(connector, call.request);
    const rate = limit ? `, ${limit.calls} calls in ${limit.windowMs / 1_000} s` : '';
    out(`  ${labels[part]}${rate}`);
    try {
      const idempotencyKey = `<onboarding>:${plan.key}:<generation>`;
      show(renderRequest({ connector, step, part, context, idempotencyKey }), out);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      out(`    cannot be rendered: ${error.message}`);
    }
  }
}

function show({ redacted }: RenderedRequest, out: (line: string) => void): void {
  // Placeholders are percent-encoded in the address like any value; a person reads them better plain.
  const url = redacted.url.replaceAll('%3C', '<').replaceAll('%3E', '>');
  out(`    ${redacted.method} ${url}`);
  for (const [name, value] of Object.entries(redacted.headers)) out(`    ${name}: ${value}`);
  if (redacted.body === undefined) return;
  for (const line of JSON.stringify(redacted.body, null, 2).split('\n')) out(`    ${line}`);
}

async function runProbe(
  connector: Connector,
  shown: Connector,
  { out, runProbe: send }: ConnectorCheck,
): Promise<CheckOutcome> {
  const { probe } = connector;
  const rendered = renderProbe(shown);
  if (probe === undefined || rendered === undefined) {
    out('\nNo probe is declared; nothing was sent.');
    return 0;
  }
  out('\nProbe');
  show(rendered, out);
  if (send === undefined || connector.unset.length > 0) {
    const lacking = connector.unset.join(', ');
    out(lacking === '' ? 'The probe was not run.' : `The probe was not run: set ${lacking}.`);
    return 0;
  }
  const result = await send(rendered);
  const context = contextOf(connector, undefined);
  const rules = { transient: [], permanent: [], uncertain: [], redact: [] };
  const judging = { context, now: Date.now(), hidden: hiddenFor(connector, context) };
  const verdict = judge({ ...probe, ...rules }, result, judging);
  const answer =
    result.kind === 'response'
      ? `answered ${result.status}`
      : `no answer (${result.reason}, ${result.phase === 'before-send' ? 'nothing was sent' : 'after the request was sent'})`;
  if (verdict.kind === 'success') {
    out(`The probe was ${answer}, as expected.`);
    return 0;
  }
  const code = verdict.kind === 'rate-limited' ? 'backend-rate-limited' : verdict.problem;
  out(`The probe failed: ${answer}. ${code}: ${problems[code].title}. ${problems[code].next}`);
  return 1;
}
