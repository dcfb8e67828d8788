import type { z } from 'zod';
import { ConnectorFile, Step } from '../../contracts/connectors';
import type { Connector } from './connectors.rules';
import { connectorMistakes } from './connectors-validation.rules';
import type { Mistake, ReadableConnector } from './connectors-validation.rules';
import { isObject, pointerOf } from './connectors-values.rules';
import { schemaMistakes } from './schema-mistakes';

/** Environment variables by name; an empty one counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads one connector file: schema, references, patterns and environment variables, all mistakes at once. A variable
 * that is not set is no mistake here but is listed in `unset`, since nobody may use the connector.
 */
export function readConnector(
  text: string,
  env: Environment,
): { connector?: Connector; name?: string | undefined; mistakes: Mistake[] } {
  const document = parseJson(text);
  if ('mistake' in document) return { mistakes: [document.mistake] };
  const parsed = ConnectorFile.safeParse(document.value);
  const readable = parsed.success ? parsed.data : readableParts(document.value);
  const { mistakes: settingMistakes, ...settings } = readSettings(readable, env);
  const mistakes = [
    ...(parsed.success ? [] : schemaMistakes(parsed.error.issues, document.value)),
    ...connectorMistakes(readable),
    ...settingMistakes,
  ];
  if (!parsed.success || mistakes.length > 0) return { name: readable.name, mistakes };
  const { name, title, rate_limits, external_id, probe, steps } = parsed.data;
  const connector: Connector = {
    name,
    title: title ?? name,
    ...settings,
    rateLimits: rate_limits,
    externalId: external_id,
    probe,
    steps,
  };
  return { connector, mistakes };
}

/** Parses JSON; a mistake names the place, never the content, which may be a key. */
export function parseJson(text: string): { value: unknown } | { mistake: Mistake } {
  const source = text.replace(/^\ufeff/, '');
  try {
    return { value: JSON.parse(source) as unknown };
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    const before = position === undefined ? [] : source.slice(0, Number(position)).split('\n');
    const where =
      before.length === 0
        ? ''
        : ` (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`;
    return { mistake: { pointer: '', message: `is no valid JSON${where}; correct it` } };
  }
}

function readableParts(document: unknown): ReadableConnector {
  if (!isObject(document)) return { steps: [] };
  const steps: unknown[] = Array.isArray(document['steps']) ? document['steps'] : [];
  return {
    ...readableMembers(ConnectorFile.shape, document),
    steps: steps.map((step) => (isObject(step) ? readableMembers(Step.shape, step) : {})),
  };
}

// Schemas of members are tried one by one, so that a slip in one part hides no mistake in another.
function readableMembers(
  shape: Readonly<Record<string, z.ZodType>>,
  document: Record<string, unknown>,
): object {
  const members = Object.entries(shape).flatMap(([name, schema]) => {
    const given = Object.hasOwn(document, name);
    const parsed = schema.safeParse(document[name]);
    if (!given && (!parsed.success || parsed.data === undefined)) return [];
    return [[name, parsed.success ? parsed.data : undefined] as const];
  });
  return Object.fromEntries(members);
}

type Settings = Pick<Connector, 'baseUrl' | 'auth' | 'unset'>;

function readSettings(
  { base_url, auth }: ReadableConnector,
  env: Environment,
): Settings & { mistakes: Mistake[] } {
  const mistakes: Mistake[] = [];
  const unset: string[] = [];
  const resolve = (setting: string | { env: string; default?: string | undefined } | undefined) => {
    if (setting === undefined || typeof setting === 'string') return setting;
    const value = env[setting.env]?.trim();
    if (value) return value;
    if (setting.default === undefined) unset.push(setting.env);
    return setting.default;
  };
  const report = (
    path: string[],
    setting: string | { env: string } | undefined,
    message: string,
  ) => {
    const source = typeof setting === 'object' ? `comes from ${setting.env} and ` : '';
    mistakes.push({ pointer: pointerOf(path), message: source + message });
  };

  const baseUrl = resolve(base_url)?.replace(/\/+$/, '');
  const urlMistake = baseUrl === undefined ? undefined : baseUrlMistake(baseUrl);
  if (urlMistake) report(['base_url'], base_url, urlMistake);

  const kind = resolve(auth?.kind) ?? 'none';
  if (kind !== 'api-key' && kind !== 'bearer' && kind !== 'none') {
    report(['auth', 'kind'], auth?.kind, 'must be api-key, bearer or none');
    return { baseUrl: '', auth: { kind: 'none' }, unset, mistakes };
  }
  const secret = kind === 'none' ? undefined : resolve(auth?.secret);
  if (kind !== 'none' && auth && auth.secret === undefined) {
    report(['auth', 'secret'], undefined, `is missing; ${kind} needs one, such as {"env": "NAME"}`);
  }
  if (secret !== undefined && !/^[\x21-\x7e]+$/.test(secret)) {
    const message = 'must be printable ASCII without blanks, as it is sent in a header';
    report(['auth', 'secret'], auth?.secret, message);
  }
  return { baseUrl: baseUrl ?? '', auth: { kind, secret }, unset, mistakes };
}

function baseUrlMistake(text: string): string | undefined {
  if (!URL.canParse(text)) return 'must be an address such as https://backend.example/api';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must start with https://';
  if (url.username !== '' || url.password !== '') {
    return 'must not hold a user or password; put the key into auth';
  }
  return /[?#]/.test(text)
    ? 'must not hold ? or #; the path of each request is put behind it'
    : undefined;
}
