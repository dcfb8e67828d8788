import type {
  AuthKind,
  Call,
  ConnectorFile,
  CustomerInput,
  ProvisioningState,
  RateLimit,
  RequestTemplate,
  Step,
} from '../../contracts/connectors';
import { DomainError } from '../../errors/problems';
import { hiddenOf } from './connectors-redaction.rules';
import type { Hidden } from './connectors-redaction.rules';
import { renderCall } from './connectors-rendering.rules';
import { referencesOf, renderScalar, withOwnClaims } from './connectors-templates.rules';
import type { Rendering, TemplateContext } from './connectors-templates.rules';
import type { Json } from './connectors-values.rules';

/** A connector file with its environment variables filled in. */
export interface Connector {
  readonly name: string;
  readonly title: string;
  /** Without a slash at its end; empty while the connector is not configured. */
  readonly baseUrl: string;
  readonly auth: { readonly kind: AuthKind; readonly secret?: string | undefined };
  readonly rateLimits: readonly RateLimit[];
  readonly externalId: string | undefined;
  readonly probe: ConnectorFile['probe'];
  readonly steps: readonly Step[];
  /** Environment variables that are not set; the connector cannot be called while there are any. */
  readonly unset: readonly string[];
}

/** Which of a step's three requests. */
export type StepPart = 'request' | 'verify' | 'compensate';

/** One HTTP request, ready to be sent, and how it may be shown. */
export interface RenderedRequest {
  readonly method: RequestTemplate['method'];
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  /** Without secrets and e-mail addresses: the only form that may be stored or logged. */
  readonly redacted: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Json;
  };
  /**
   * The same text for what the backend sees as the same request, wherever it runs and whatever key it takes. HOLDS
   * SECRETS in plain: keep an HMAC of it.
   */
  readonly fingerprint: string;
}

/** The call behind a part of a step; undefined when the step declares none. */
export function callOf(step: Step, part: StepPart): Call | undefined {
  if (part === 'request') return step;
  if (part === 'verify') return step.verify;
  return step.compensate === 'none' ? undefined : step.compensate;
}

/**
 * Renders a part of a step. The key `<onboarding>:<step>:<generation>` goes out with the request itself, with `:undo`
 * behind it with the compensation, and not with the look-up, which changes nothing. Throws `input-missing` when a
 * value that the request needs is not there, for one because the step that leaves it was skipped.
 */
export function renderRequest(options: {
  connector: Connector;
  step: Step;
  part: StepPart;
  context: TemplateContext;
  idempotencyKey?: string | undefined;
}): RenderedRequest {
  const { connector, step, part, idempotencyKey } = options;
  const call = callOf(step, part);
  const where = `${connector.name}.${step.name}`;
  if (call === undefined) {
    throw new DomainError('input-missing', { detail: `${where} declares no ${part}` });
  }
  const keys = { request: idempotencyKey, verify: undefined, compensate: `${idempotencyKey}:undo` };
  return renderCall({
    connector,
    request: call.request,
    timeoutMs: call.timeout_ms,
    context: withOwnClaims(step, options.context),
    where,
    idempotencyKey: idempotencyKey === undefined ? undefined : keys[part],
  });
}

/** Renders the connector's probe, which refers to nothing; undefined when it declares none. */
export function renderProbe(connector: Connector): RenderedRequest | undefined {
  if (connector.probe === undefined) return undefined;
  return renderCall({
    connector,
    request: connector.probe.request,
    timeoutMs: connector.probe.timeout_ms,
    context: nobody,
    where: `the probe of ${connector.name}`,
    idempotencyKey: undefined,
  });
}

const nobody: TemplateContext = {
  input: {},
  tenant: { id: '', slug: '', name: '' },
  onboarding: { id: '' },
  secret: {},
  extract: {},
};

/** What no answer to this connector's calls may leave behind. */
export function hiddenFor(connector: Connector, context: TemplateContext): Hidden {
  return hiddenOf(connector.auth.secret, context);
}

/** The customer's inputs that a step cannot run without, whatever part of it refers to them. */
export function needsOf(step: Step): CustomerInput[] {
  const { name: _name, title: _title, note: _note, ...parts } = step;
  const named = referencesOf(parts)
    .filter((reference) => !reference.optional)
    .map((reference) => reference.text);
  const needs = new Set<CustomerInput>(step.needs ?? []);
  if (named.includes('input.spreadsheet_id')) needs.add('spreadsheet_id');
  if (named.includes('secret.wb_token')) needs.add('wb_token');
  return [...needs].sort();
}

/** Those of a step's needs that nobody has handed over yet. */
export function missingInputs(step: Step, context: TemplateContext): CustomerInput[] {
  const given = { ...context.input, ...context.secret };
  return needsOf(step).filter((name) => !given[name]);
}

/** What the backend calls this tenant's object; undefined until the step that leaves it is done. */
export function externalIdOf(connector: Connector, context: TemplateContext): string | undefined {
  if (connector.externalId === undefined) return undefined;
  const rendering: Rendering = { context, missing: new Set() };
  const id = renderScalar(connector.externalId, rendering);
  return id === undefined || id === '' || rendering.missing.size > 0 ? undefined : String(id);
}

/** The window that a request counts in; its key is the path as declared, so that ids in paths share one window. */
export interface PathLimit {
  readonly connector: string;
  readonly path: string;
  readonly calls: number;
  readonly windowMs: number;
}

/** The limit of a request's path: the exact one, else the one with the longest prefix; undefined when there is none. */
export function limitOf(connector: Connector, request: RequestTemplate): PathLimit | undefined {
  const [limit] = connector.rateLimits
    .filter((candidate) => limitCovers(candidate.path, request.path))
    .sort((a, b) => precision(b.path) - precision(a.path));
  return (
    limit && {
      connector: connector.name,
      path: request.path,
      calls: limit.calls,
      windowMs: limit.window_ms,
    }
  );
}

/** Every limited path of a connector, once: what its steps, look-ups and compensations call. */
export function limitsOf(connector: Connector): PathLimit[] {
  const limits = connector.steps
    .flatMap((step) => [step.request, step.verify?.request, compensationRequest(step)])
    .flatMap((request) => (request === undefined ? [] : [limitOf(connector, request)]))
    .filter((limit) => limit !== undefined);
  return [...new Map(limits.map((limit) => [limit.path, limit])).values()];
}

function compensationRequest({ compensate }: Step): RequestTemplate | undefined {
  return compensate === 'none' ? undefined : compensate?.request;
}

/** Whether the path or pattern of a rate limit means a request's path. */
export function limitCovers(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : pattern === path;
}

function precision(pattern: string): number {
  return pattern.endsWith('*') ? pattern.length : Number.MAX_SAFE_INTEGER;
}

/** One connector list that a tenant gets, in order. */
export interface Blueprint {
  readonly name: string;
  readonly title: string;
  readonly connectors: readonly Connector[];
}

/** One step of a blueprint, as `onboarding_steps` holds it. */
export interface BlueprintStep {
  /** `<connector>.<step>`, the step's name everywhere. */
  readonly key: string;
  readonly connector: string;
  readonly step: string;
  readonly title: string;
  /** From 1, over all connectors of the blueprint. */
  readonly position: number;
  /** Named by steps of the first connector only. */
  readonly state: ProvisioningState | undefined;
  readonly needs: readonly CustomerInput[];
  readonly repeat: Step['repeat'];
  readonly verifiable: boolean;
  readonly skippable: boolean;
  /** `leave-and-mark`: what it made stays and is marked; `nothing`: it makes nothing. */
  readonly compensation: 'request' | 'leave-and-mark' | 'nothing';
  readonly timeoutMs: number;
}

/** The steps that an onboarding of this blueprint runs through, in order. */
export function stepsOf(blueprint: Pick<Blueprint, 'connectors'>): BlueprintStep[] {
  const declared = blueprint.connectors.flatMap((connector, order) =>
    connector.steps.map((step) => ({ connector, step, first: order === 0 })),
  );
  return declared.map(({ connector, step, first }, index) => ({
    key: `${connector.name}.${step.name}`,
    connector: connector.name,
    step: step.name,
    title: step.title ?? step.name,
    position: index + 1,
    state: first ? step.state : undefined,
    needs: needsOf(step),
    repeat: step.repeat,
    verifiable: step.verify !== undefined,
    skippable: step.skippable,
    compensation: compensationOf(step),
    timeoutMs: step.timeout_ms,
  }));
}

function compensationOf({ compensate }: Step): BlueprintStep['compensation'] {
  if (compensate === undefined) return 'nothing';
  return compensate === 'none' ? 'leave-and-mark' : 'request';
}
