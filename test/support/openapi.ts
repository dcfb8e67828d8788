import type { ValidateFunction } from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';

/** An OpenAPI 3.1 document, as far as answers are checked against it. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components?: unknown;
}

/** An answer as a test client saw it; `body` is the parsed JSON, or the text where it is no JSON. */
export interface SeenResponse {
  readonly status: number;
  readonly headers: Headers | Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

/** Fails with all differences when an answer is not one that the document promises. */
export type ExpectDocumented = (method: string, path: string, response: SeenResponse) => void;

interface Header {
  readonly required?: boolean;
  readonly schema?: unknown;
}
interface DocumentedResponse {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, unknown>>;
}
interface Place {
  readonly value: unknown;
  readonly pointer: string;
}

const escape = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * Reads a document once and returns the check for all answers to its API. Validators are compiled when they are first needed.
 * A path that the document does not know may only answer 404, and a method that its path does not have 405.
 */
export function responsesOf(document: OpenApiDocument): ExpectDocumented {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema(document, 'openapi');
  const compiled = new Map<string, ValidateFunction>();
  const route = router(document);

  const follow = ({ value, pointer }: Place): Place => {
    const ref = (value as { $ref?: unknown } | undefined)?.$ref;
    return typeof ref === 'string' ? follow(at(ref)) : { value, pointer };
  };
  const at = (pointer: string): Place => {
    let value: unknown = document;
    for (const part of pointer.slice(2).split('/')) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
      value = (value as Record<string, unknown> | undefined)?.[key];
    }
    return { value, pointer };
  };
  const child = (place: Place, ...keys: string[]): Place =>
    follow({
      value: keys.reduce<unknown>(
        (value, key) => (value as Record<string, unknown> | undefined)?.[key],
        place.value,
      ),
      pointer: [place.pointer, ...keys.map((key) => encodeURIComponent(escape(key)))].join('/'),
    });
  const mistakes = (schema: Place, value: unknown, what: string): string[] => {
    let validate = compiled.get(schema.pointer);
    if (!validate) {
      validate = ajv.compile({ $ref: `openapi${schema.pointer}` });
      compiled.set(schema.pointer, validate);
    }
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${what}${instancePath} ${message ?? 'is wrong'} ${JSON.stringify(params)}`,
    );
  };

  const check = (method: string, path: string, response: SeenResponse): string[] => {
    const template = route(path);
    const operation = template && document.paths[template]?.[method];
    if (!template) return unknownPlace(response, 404, 'the path is not documented');
    if (!operation) return unknownPlace(response, 405, 'the method is not documented');
    const responses = child(at('#/paths'), template, method, 'responses');
    const status = String(response.status);
    const known = responses.value as Record<string, unknown>;
    const key = [status, `${status.slice(0, 1)}XX`, 'default'].find((name) => name in known);
    if (!key)
      return [`status ${status} is not documented; there are ${Object.keys(known).join(', ')}`];
    const documented = child(responses, key);
    return [...headerMistakes(documented, response), ...bodyMistakes(documented, response)];
  };

  const headerMistakes = (documented: Place, response: SeenResponse): string[] => {
    const { headers = {} } = documented.value as DocumentedResponse;
    return Object.keys(headers).flatMap((name) => {
      const place = child(documented, 'headers', name);
      const { required, schema } = place.value as Header;
      const value = headerOf(response, name);
      if (value === undefined) return required ? [`the header ${name} is missing`] : [];
      return schema === undefined
        ? []
        : mistakes(child(place, 'schema'), typed(value, schema), `header ${name}`);
    });
  };

  const bodyMistakes = (documented: Place, response: SeenResponse): string[] => {
    const { content } = documented.value as DocumentedResponse;
    const empty = response.body === undefined || response.body === null || response.body === '';
    if (!content) return empty ? [] : ['a body, where none is documented'];
    const type = headerOf(response, 'content-type')?.split(';')[0]?.trim() ?? 'none';
    if (!(type in content)) {
      return [
        `content type ${type} is not documented; there are ${Object.keys(content).join(', ')}`,
      ];
    }
    const media = child(documented, 'content', type);
    const schema = child(media, 'schema');
    return schema.value === undefined ? [] : mistakes(schema, response.body, 'body');
  };

  return (method, path, response) => {
    const found = check(method.toLowerCase(), path.split(/[?#]/)[0] ?? path, response);
    if (found.length === 0) return;
    const shown = JSON.stringify(response.body ?? null).slice(0, 2_000);
    throw new Error(
      `${method.toUpperCase()} ${path} answered ${response.status}, and that is not what /openapi.json says:\n${found
        .map((line) => `  - ${line}`)
        .join('\n')}\nBody: ${shown}`,
    );
  };
}

function unknownPlace({ status }: SeenResponse, allowed: number, why: string): string[] {
  return status === allowed ? [] : [why];
}

function headerOf({ headers }: SeenResponse, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const entry = Object.entries(headers).find(([key]) => key.toLowerCase() === name.toLowerCase());
  const value = entry?.[1];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Headers are text; a schema that asks for a number means the number that the text spells. */
function typed(value: string, schema: unknown): unknown {
  const { type } = schema as { type?: unknown };
  return (type === 'integer' || type === 'number') && value.trim() !== '' ? Number(value) : value;
}

/** Finds the template of a path; one that names a segment beats one with a parameter there. */
function router({ paths }: OpenApiDocument): (path: string) => string | undefined {
  const routes = Object.keys(paths)
    .map((template) => ({
      template,
      rank: template
        .split('/')
        .map((part) => (part.includes('{') ? '1' : '0'))
        .join(''),
      pattern: new RegExp(
        `^${template
          .split(/\{[^}]+\}/)
          .map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('[^/]+')}$`,
      ),
    }))
    .sort((a, b) => a.rank.localeCompare(b.rank));
  return (path) => routes.find(({ pattern }) => pattern.test(path))?.template;
}
