import type { RequestTemplate } from '../../contracts/connectors';
import { DomainError } from '../../errors/problems';
import type { Connector, RenderedRequest } from './connectors.rules';
import { hiddenOf, mask, scrubJson, scrubText, uriEncoded } from './connectors-redaction.rules';
import { parseTemplate, renderJson, renderScalar, renderText } from './connectors-templates.rules';
import type { Rendering, TemplateContext } from './connectors-templates.rules';
import { canonicalJson } from './connectors-values.rules';

/**
 * Renders one request of a connector twice: as it is sent, and as it may be shown. `where` names it in problems.
 * @throws DomainError `input-missing`
 */
export function renderCall(options: {
  connector: Connector;
  request: RequestTemplate;
  timeoutMs: number;
  context: TemplateContext;
  where: string;
  idempotencyKey: string | undefined;
}): RenderedRequest {
  const { connector, request, context, where } = options;
  const rendering: Rendering = { context, missing: new Set() };
  const sent = renderParts(request, rendering, where);
  if (rendering.missing.size > 0) {
    const missing = [...rendering.missing];
    throw new DomainError('input-missing', {
      detail: `${where} lacks ${missing.join(', ')}`,
      extra: { missing },
    });
  }
  const own = { ...sent.headers, ...standardHeaders(sent.body, options.idempotencyKey) };
  const shown = renderParts(request, { context: masked(context), missing: new Set() }, where);
  const hidden = hiddenOf(connector.auth.secret, context);
  const shownHeaders = { ...own, ...shown.headers, ...authHeaders(connector, mask) };
  return {
    method: request.method,
    url: connector.baseUrl + sent.target,
    headers: { ...own, ...authHeaders(connector) },
    body: sent.body,
    timeoutMs: options.timeoutMs,
    redacted: {
      method: request.method,
      url: scrubText(connector.baseUrl + shown.target, hidden),
      headers: Object.fromEntries(
        Object.entries(shownHeaders).map(([name, value]) => [name, scrubText(value, hidden)]),
      ),
      ...(shown.json === undefined ? {} : { body: scrubJson(shown.json, hidden) }),
    },
    fingerprint: [
      request.method,
      sent.target,
      canonicalJson(sent.headers),
      sent.json === undefined ? '' : canonicalJson(sent.json),
    ].join('\n'),
  };
}

function renderParts(request: RequestTemplate, rendering: Rendering, where: string) {
  const json = request.body === undefined ? undefined : renderJson(request.body, rendering);
  return {
    target: renderPath(request.path, rendering, where) + renderQuery(request.query, rendering),
    headers: renderHeaders(request.headers ?? {}, rendering),
    json,
    body: json === undefined ? undefined : JSON.stringify(json),
  };
}

function renderPath(path: string, rendering: Rendering, where: string): string {
  const segments = path.split('/').map((segment) => {
    const rendered = renderText(segment, rendering, uriEncoded);
    const templated = parseTemplate(segment).parts.some((part) => typeof part !== 'string');
    if (templated && ['', '.', '..'].includes(rendered) && rendering.missing.size === 0) {
      // Such a segment would name another resource: the collection, or the one above.
      throw new DomainError('input-missing', {
        detail: `${where} cannot put the value of ${segment} into its path`,
      });
    }
    return rendered;
  });
  return segments.join('/');
}

function renderQuery(query: RequestTemplate['query'], rendering: Rendering): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, template]) => {
    const value = renderScalar(template, rendering);
    return value === undefined ? [] : [`${uriEncoded(name)}=${uriEncoded(String(value))}`];
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function renderHeaders(
  headers: Readonly<Record<string, string>>,
  rendering: Rendering,
): Record<string, string> {
  const pairs = Object.entries(headers).flatMap(([name, template]) => {
    const value = renderScalar(template, rendering);
    return value === undefined ? [] : [[name.toLowerCase(), headerSafe(String(value))] as const];
  });
  return Object.fromEntries(pairs);
}

// Headers are ASCII; a line break in a value would start a header of its own.
function headerSafe(value: string): string {
  return value.replace(/[^\x20-\x7e]+/g, uriEncoded);
}

function standardHeaders(
  body: string | undefined,
  idempotencyKey: string | undefined,
): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': 'usher',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
  };
}

function authHeaders(
  { auth }: Connector,
  secret: string | undefined = auth.secret,
): Record<string, string> {
  if (auth.kind === 'none' || secret === undefined) return {};
  return auth.kind === 'api-key' ? { 'x-api-key': secret } : { authorization: `Bearer ${secret}` };
}

function masked(context: TemplateContext): TemplateContext {
  return {
    ...context,
    input: { ...context.input, ...(context.input.owner_email ? { owner_email: mask } : {}) },
    secret: context.secret.wb_token ? { wb_token: mask } : {},
  };
}
