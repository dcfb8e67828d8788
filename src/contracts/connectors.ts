import { z } from 'zod';
import type { ProblemCode } from '../errors/problems';

/** Problems that a connector's rules may name; what a step can meet at its backend. */
export const ConnectorProblem = z.enum([
  'backend-unreachable',
  'backend-timeout',
  'backend-unavailable',
  'backend-refused',
  'backend-unauthorized',
  'backend-forbidden',
  'backend-rate-limited',
  'backend-answer-unreadable',
  'token-malformed',
  'workspace-not-registered',
  'outcome-unknown',
] as const satisfies readonly ProblemCode[]);
export type ConnectorProblem = z.output<typeof ConnectorProblem>;

/** States that steps may reach, in their order; `active` belongs to the activation transaction alone. */
export const ProvisioningState = z.enum(['workspace_registered', 'token_added', 'validated']);
export type ProvisioningState = z.output<typeof ProvisioningState>;

/** What a step may have to wait for until the customer or an operator hands it over. */
export const CustomerInput = z.enum(['spreadsheet_id', 'wb_token']);
export type CustomerInput = z.output<typeof CustomerInput>;

/** Whether a step may be sent again after an outcome that nobody knows. */
export const Repeat = z.enum(['safe', 'verify', 'never']);
export type Repeat = z.output<typeof Repeat>;

/** A connector's or blueprint's name. */
export const ConnectorName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and hyphens, a letter first');

const extractName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be 1 to 40 of a-z, 0-9 and _, a letter first');

const envName = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'must be the name of an environment variable (A-Z, 0-9, _)');

const line = (max: number) => z.string().min(1).max(max);

const textOrEnv = z.union([
  line(2000),
  z.strictObject({ env: envName, default: line(2000).optional() }),
]);

/** How a connector shows its key to the backend. */
export const AuthKind = z.enum(['api-key', 'bearer', 'none']);
export type AuthKind = z.output<typeof AuthKind>;

const Auth = z.strictObject({
  kind: z.union([AuthKind, z.strictObject({ env: envName, default: AuthKind.optional() })]),
  secret: textOrEnv.optional(),
});

/** A place in a JSON document (RFC 6901). */
const pointer = z
  .string()
  .max(500)
  .regex(/^(?:\/(?:[^~/]|~[01])*)*$/, 'must be a JSON pointer such as /result/sid');

const status = z.union([
  z.int().min(100).max(599),
  z.string().regex(/^[1-5]xx$/, 'must be a status such as 404 or a range such as "5xx"'),
]);

const statuses = z
  .union([status, z.array(status).min(1)])
  .transform((given) => (Array.isArray(given) ? given : [given]));

/** A claim in the payload of a JWT that a template names; its signature is the backend's business. */
const jwtClaim = z.strictObject({ jwt: line(200), claim: line(100) });
/** A claim of a token, as a template names it. */
export type JwtClaim = z.output<typeof jwtClaim>;

/** What a value is compared with: a JSON scalar, a template, or a claim of a token. */
const operand = z.union([z.string().max(2000), z.number(), z.boolean(), z.null(), jwtClaim]);
/** What a value is compared with. */
export type Operand = z.output<typeof operand>;

const pattern = line(200);
const jsonType = z.enum(['object', 'array', 'string', 'number', 'boolean', 'null']);

const exactlyOne = (names: readonly string[]) => ({
  check: (value: object) => names.filter((name) => Object.hasOwn(value, name)).length === 1,
  error: `must have exactly one of ${names.join(', ')}`,
});

const jsonTests = exactlyOne(['equals', 'exists', 'type', 'matches', 'contains_item']);
const JsonMatch = z
  .strictObject({
    pointer,
    equals: operand.optional(),
    exists: z.boolean().optional(),
    type: jsonType.optional(),
    matches: pattern.optional(),
    contains_item: z.strictObject({ pointer, equals: operand }).optional(),
  })
  .refine(jsonTests.check, jsonTests.error);
/** A place of an answer and the one test that it must pass. */
export type JsonMatch = z.output<typeof JsonMatch>;

const headerTests = exactlyOne(['equals', 'exists', 'matches']);
const HeaderMatch = z
  .strictObject({
    name: line(100),
    equals: z.string().max(2000).optional(),
    exists: z.boolean().optional(),
    matches: pattern.optional(),
  })
  .refine(headerTests.check, headerTests.error);

const textTests = exactlyOne(['contains', 'starts_with', 'matches']);
const TextMatch = z
  .strictObject({
    contains: line(500).optional(),
    starts_with: line(500).optional(),
    matches: pattern.optional(),
  })
  .refine(textTests.check, textTests.error);

const criteria = {
  status: statuses.optional(),
  json: z.array(JsonMatch).min(1).max(20).optional(),
  headers: z.array(HeaderMatch).min(1).max(20).optional(),
  text: TextMatch.optional(),
};
const hasCriterion = {
  check: (value: object) => Object.keys(criteria).some((name) => Object.hasOwn(value, name)),
  error: 'must have at least one of status, json, headers, text',
};

/** What an answer must look like; all of it must hold. */
export type Criteria = z.output<z.ZodObject<typeof criteria>>;

const note = line(500).optional();

/** An answer that means something in particular, beyond the defaults of judging. */
const Rule = z
  .strictObject({ ...criteria, problem: ConnectorProblem.optional(), note })
  .refine(hasCriterion.check, hasCriterion.error);
/** An answer that means something in particular, beyond the defaults of judging. */
export type Rule = z.output<typeof Rule>;

const rules = z.array(Rule).max(50).default([]);

const Expect = z.strictObject({
  status: statuses,
  json: z.array(JsonMatch).max(20).default([]),
});

/** Where a value that later steps need comes from: the answer, one item of a list in it, or a claim of a token. */
const ExtractSource = z.union([
  jwtClaim,
  z.strictObject({
    pointer,
    where: z.strictObject({ pointer, equals: operand }).optional(),
    take: pointer.optional(),
    optional: z.boolean().default(false),
  }),
]);
/** Where a value that later steps need comes from. */
export type ExtractSource = z.output<typeof ExtractSource>;

const Request = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']),
  path: line(500),
  query: z.record(line(100), z.string().max(2000)).optional(),
  headers: z.record(line(100), z.string().max(2000)).optional(),
  body: z.json().optional(),
});
/** A request before its values are filled in. */
export type RequestTemplate = z.output<typeof Request>;

const wildPointer = z
  .string()
  .max(500)
  .regex(/^(?:\/(?:[^~/]|~[01])*)+$/, 'must be a JSON pointer; * stands for every item of a list');

const timeoutMs = z.int().min(100).max(10_000).default(10_000);

const call = {
  request: Request,
  expect: Expect,
  transient: rules,
  permanent: rules,
  uncertain: rules,
  /** Places of the answer that are never stored. */
  redact: z.array(wildPointer).max(50).default([]),
  /** The only places of the answer that are stored. */
  keep: z.array(wildPointer).max(50).optional(),
  timeout_ms: timeoutMs,
};
const extracts = z.record(extractName, ExtractSource).default({});

const Verify = z.strictObject({
  ...call,
  extract: extracts,
  /** Answers that mean: it never landed. */
  absent: z.array(Rule).min(1).max(20),
});
/** How a step is looked up: a request, and which answers mean that it never landed. */
export type Verify = z.output<typeof Verify>;

const Compensate = z.strictObject(call);

/** One step of a connector: a request, how its answers are judged, and how it is looked up and undone. */
export const Step = z.strictObject({
  name: ConnectorName,
  title: line(100).optional(),
  note,
  state: ProvisioningState.optional(),
  ...call,
  extract: extracts,
  repeat: Repeat,
  verify: Verify.optional(),
  compensate: z.union([z.literal('none'), Compensate]).optional(),
  skippable: z.boolean().default(false),
  needs: z.array(CustomerInput).optional(),
});
export type Step = z.output<typeof Step>;

/** What judging, rendering and redaction read of a step, of its verify request and of its compensation alike. */
export type Call = Pick<
  Step,
  'request' | 'expect' | 'transient' | 'permanent' | 'uncertain' | 'redact' | 'keep' | 'timeout_ms'
> & { readonly extract?: Step['extract'] };

/** How many calls a path takes in a sliding window; `/admin/*` is a limit for each path below it, `*` for every path. */
const RateLimit = z.strictObject({
  path: z
    .string()
    .max(500)
    .regex(/^(?:\*|\/[^*]*\*?)$/, 'must be a path, a prefix ending in *, or *'),
  calls: z.int().min(1).max(100_000),
  window_ms: z.int().min(100).max(3_600_000),
});
/** How many calls a path takes in a sliding window. */
export type RateLimit = z.output<typeof RateLimit>;

/** A harmless request that tells whether the backend answers and takes our key. */
const Probe = z.strictObject({ request: Request, expect: Expect, timeout_ms: timeoutMs });

/** A connector file: one backend, declared. */
export const ConnectorFile = z.strictObject({
  $schema: z.string().optional(),
  name: ConnectorName,
  title: line(100).optional(),
  note,
  base_url: textOrEnv,
  auth: Auth,
  rate_limits: z.array(RateLimit).max(100).default([]),
  /** Template of what the backend calls this tenant's object. */
  external_id: line(500).optional(),
  probe: Probe.optional(),
  steps: z.array(Step).min(1).max(50),
});
export type ConnectorFile = z.output<typeof ConnectorFile>;

const plan = z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, 'must be the name of a plan');

const selectBy = z
  .strictObject({ plan: plan.optional(), kind: line(40).optional(), blueprint: ConnectorName })
  .refine(
    (value) => value.plan !== undefined || value.kind !== undefined,
    'must have plan, kind or both',
  );

/** `blueprints.json`: which connectors a tenant gets, in order; the first fitting selection wins, else `default`. */
export const BlueprintsFile = z.strictObject({
  $schema: z.string().optional(),
  blueprints: z.record(
    ConnectorName,
    z.strictObject({ title: line(100).optional(), connectors: z.array(ConnectorName).max(20) }),
  ),
  select: z.array(selectBy).max(200).default([]),
});
export type BlueprintsFile = z.output<typeof BlueprintsFile>;

/** Why a call has no answer. `request-refused` and `address-refused` are the guard's; the others the network's. */
export type OutboundReason =
  | 'request-refused'
  | 'address-refused'
  | 'dns'
  | 'refused'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'too-large'
  | 'unreadable';

/** What came of one HTTP call; `after-send` means that the other side may have acted on it. */
export type OutboundResult =
  | {
      readonly kind: 'response';
      readonly status: number;
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, string>>;
      /** Undefined when the body is no JSON. */
      readonly json: unknown;
      readonly text: string;
    }
  | {
      readonly kind: 'failure';
      readonly phase: 'before-send' | 'after-send';
      readonly reason: OutboundReason;
    };
