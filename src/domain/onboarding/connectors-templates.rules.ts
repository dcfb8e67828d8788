import type { JwtClaim, Operand, Step } from '../../contracts/connectors';
import { claimOf } from './connectors-values.rules';
import type { Json, Scalar } from './connectors-values.rules';

/**
 * What templates may refer to. `input.owner_email` MUST be the workspace's owner or else the invited address: a
 * backend may overwrite the owner with nothing when it is left out.
 */
export interface TemplateContext {
  readonly input: {
    readonly spreadsheet_id?: string | null | undefined;
    readonly owner_email?: string | null | undefined;
  };
  readonly tenant: { readonly id: string; readonly slug: string; readonly name: string };
  readonly onboarding: { readonly id: string };
  readonly secret: { readonly wb_token?: string | null | undefined };
  /** Values that done steps of the same connector left, by step and name. */
  readonly extract: Readonly<Record<string, Readonly<Record<string, Scalar>>>>;
}

/** The names below each root; `extract` has those of the connector's own steps. */
export const referenceNames = {
  input: ['spreadsheet_id', 'owner_email'],
  tenant: ['id', 'slug', 'name'],
  onboarding: ['id'],
  secret: ['wb_token'],
} as const;

type Root = keyof typeof referenceNames;

/** One `{{…}}` of a template. */
export type Reference = {
  /** As it was written, without the braces. */
  readonly text: string;
  /** Ends in `?`: may be missing, its property is left out then. */
  readonly optional: boolean;
  readonly name: string;
} & (
  | { readonly root: Root; readonly step?: undefined }
  | { readonly root: 'extract'; readonly step: string }
);

type Part = string | Reference;

const braces = /(?<!\{)\{\{([^{}]*)\}\}(?!\})/g;

/** The parts of a template, literal texts and references, with what is wrong in it. Nothing is ever evaluated. */
export function parseTemplate(template: string): { parts: Part[]; mistakes: string[] } {
  const parts: Part[] = [];
  const mistakes: string[] = [];
  let end = 0;
  const literal = (text: string) => {
    if (text.includes('{{') || text.includes('}}')) {
      mistakes.push('has braces that do not form {{reference}}; close or remove them');
    }
    if (text !== '') parts.push(text);
  };
  for (const match of template.matchAll(braces)) {
    literal(template.slice(end, match.index));
    end = match.index + match[0].length;
    const reference = parseReference((match[1] ?? '').trim());
    if (typeof reference === 'string') mistakes.push(reference);
    else parts.push(reference);
  }
  literal(template.slice(end));
  return { parts, mistakes };
}

function parseReference(written: string): Reference | string {
  const optional = written.endsWith('?');
  const text = optional ? written.slice(0, -1).trimEnd() : written;
  const [root = '', ...names] = text.split('.');
  if (root === 'extract') {
    const [step, name] = names;
    return names.length === 2 && step && name
      ? { text, optional, root, step, name }
      : `refers to {{${text}}}; write {{extract.<step>.<name>}}`;
  }
  if (!isRoot(root)) {
    return `refers to {{${text}}}; references start with input, tenant, onboarding, secret or extract`;
  }
  const known: readonly string[] = referenceNames[root];
  const name = names.join('.');
  return known.includes(name)
    ? { text, optional, root, name }
    : `refers to {{${text}}}, which does not exist; ${root} has ${known.join(', ')}`;
}

function isRoot(root: string): root is Root {
  return Object.hasOwn(referenceNames, root);
}

/** The references of every template in a JSON value, keys left alone. */
export function referencesOf(value: unknown): Reference[] {
  if (typeof value === 'string') {
    return parseTemplate(value).parts.filter((part) => typeof part !== 'string');
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(referencesOf);
}

/** What a reference stands for; undefined when it is missing. An empty input is a missing one. */
export function lookUp(reference: Reference, context: TemplateContext): Scalar | undefined {
  if (reference.root === 'extract') {
    const values = own(context.extract, reference.step);
    return values === undefined ? undefined : own(values, reference.name);
  }
  const group: Readonly<Record<string, string | null | undefined>> = context[reference.root];
  const value = own(group, reference.name);
  return value === undefined || value === null || value === '' ? undefined : value;
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** One rendering: the values, and the required references found missing on the way. */
export interface Rendering {
  readonly context: TemplateContext;
  readonly missing: Set<string>;
}

/** The value of a template: the typed value for a lone reference, else text; undefined when an optional one is missing. */
export function renderScalar(template: string, rendering: Rendering): Scalar | undefined {
  const { parts } = parseTemplate(template);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && typeof only !== 'string') {
    const value = lookUp(only, rendering.context);
    if (value === undefined && !only.optional) rendering.missing.add(only.text);
    return value;
  }
  return renderText(template, rendering);
}

/** The text of a template, each value passed through `encode`; missing optional ones are empty. */
export function renderText(
  template: string,
  rendering: Rendering,
  encode: (value: string) => string = (value) => value,
): string {
  return parseTemplate(template)
    .parts.map((part) => {
      if (typeof part === 'string') return part;
      const value = lookUp(part, rendering.context);
      if (value === undefined && !part.optional) rendering.missing.add(part.text);
      return value === undefined ? '' : encode(String(value));
    })
    .join('');
}

/** A JSON value with its templates filled in; properties and items whose optional reference is missing are left out. */
export function renderJson(value: Json, rendering: Rendering): Json | undefined {
  if (typeof value === 'string') return renderScalar(value, rendering);
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const rendered = renderJson(item, rendering);
      return rendered === undefined ? [] : [rendered];
    });
  }
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).flatMap(([key, member]) => {
    const rendered = renderJson(member, rendering);
    return rendered === undefined ? [] : [[key, rendered] as const];
  });
  return Object.fromEntries(members);
}

/** What a match is compared with; undefined when the context does not hold it, which matches nothing. */
export function operandValue(
  operand: Operand,
  context: TemplateContext,
): Scalar | null | undefined {
  if (typeof operand === 'string') {
    const rendering: Rendering = { context, missing: new Set() };
    const value = renderScalar(operand, rendering);
    return rendering.missing.size > 0 ? undefined : value;
  }
  if (typeof operand !== 'object' || operand === null) return operand;
  return claimIn(operand, context);
}

/** A claim of the token that a template names; undefined when the token is missing or is no JWT with that claim. */
export function claimIn({ jwt, claim }: JwtClaim, context: TemplateContext): Scalar | undefined {
  const token = operandValue(jwt, context);
  return typeof token === 'string' ? claimOf(token, claim) : undefined;
}

/** The context with the extracts of this step that come from a token: they are known before any answer. */
export function withOwnClaims(step: Step, context: TemplateContext): TemplateContext {
  const claims = Object.entries(step.extract).flatMap(([name, source]) => {
    const value = 'jwt' in source ? claimIn(source, context) : undefined;
    return value === undefined ? [] : [[name, value] as const];
  });
  if (claims.length === 0) return context;
  const own = { ...Object.fromEntries(claims), ...context.extract[step.name] };
  return { ...context, extract: { ...context.extract, [step.name]: own } };
}
