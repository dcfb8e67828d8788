import type { BackendState, Effect, Spreadsheet } from './sample-backend-state';

/** An answer of the sample backend, and the change that it stands for. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly effect?: Effect;
}

/** A refusal in the contract's form. */
export function failure(status: number, message: string): Answer {
  return { status, body: JSON.stringify({ success: false, message }) };
}

function success(fields: object, effect?: Effect): Answer {
  const body = JSON.stringify(fields);
  return effect === undefined ? { status: 200, body } : { status: 200, body, effect };
}

type Fields = Readonly<Record<string, unknown>>;

const posts: Readonly<Record<string, (state: BackendState, fields: Fields) => Answer>> = {
  '/admin/spreadsheets/register': register,
  '/admin/wb/tokens/add': addToken,
  '/ss/wb/token/get': listTokens,
  '/ss/datasets/update': updateDatasets,
};

/** The answer to one call; `path` is without `/api`. Changes nothing: the caller commits the answer's effect. */
export function answerTo(state: BackendState, method: string, path: string, body: string): Answer {
  if (method === 'GET' && path === '/admin/ping') return success({ success: true });
  const post = method === 'POST' && Object.hasOwn(posts, path) ? posts[path] : undefined;
  if (post) {
    const fields = parseObject(body);
    return fields ? post(state, fields) : failure(400, 'the body must be a JSON object');
  }
  const [root, area, group, ...ids] = path.split('/').map(decoded);
  if (root === '' && area === 'admin' && (method === 'GET' || method === 'DELETE')) {
    const [first = '', id = '', sid = ''] = ids;
    if (group === 'spreadsheets' && ids.length === 1) return spreadsheet(state, method, first);
    if (group === 'wb' && first === 'tokens' && ids.length === 3)
      return token(state, method, id, sid);
  }
  return failure(404, 'not found');
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The JSON object that a body holds; undefined for anything else. */
export function parseObject(body: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Fields)
      : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function register(_state: BackendState, fields: Fields): Answer {
  const id = text(fields['spreadsheet_id']);
  if (id === undefined) return failure(400, 'spreadsheet_id is required');
  const owner = text(fields['owner_email']) ?? null;
  return success({ success: true, result: { spreadsheet_id: id } }, { do: 'register', id, owner });
}

function addToken(_state: BackendState, fields: Fields): Answer {
  const id = text(fields['spreadsheet_id']);
  if (id === undefined) return failure(400, 'spreadsheet_id is required');
  const given = text(fields['token']);
  const sid = given === undefined ? undefined : sidOf(given);
  if (given === undefined || sid === undefined) {
    return failure(500, 'failed to add token: token is malformed');
  }
  const owner = text(fields['owner_email']) ?? null;
  return success(
    { success: true, result: { spreadsheet_id: id, sid } },
    { do: 'add-token', id, owner, sid, token: given },
  );
}

function sidOf(jwt: string): string | undefined {
  const [, payload, ...rest] = jwt.split('.');
  if (payload === undefined || rest.length !== 1) return undefined;
  const claims = parseObject(Buffer.from(payload, 'base64url').toString('utf8'));
  const sid = claims?.['sid'];
  return typeof sid === 'number' ? String(sid) : text(sid);
}

function registered(state: BackendState, id: unknown): Spreadsheet | undefined {
  const found = typeof id === 'string' ? state.spreadsheets.get(id) : undefined;
  return found?.is_active ? found : undefined;
}

function listTokens(state: BackendState, fields: Fields): Answer {
  const found = registered(state, fields['spreadsheet_id']);
  if (!found) return failure(403, 'spreadsheet is not registered');
  const result = [...found.tokens].map(([sid, held]) => ({ sid, token: held.token }));
  return success({ result });
}

function updateDatasets(state: BackendState, fields: Fields): Answer {
  const found = registered(state, fields['ssId']);
  if (!found) return failure(403, 'spreadsheet is not registered');
  return success(
    { success: true, message: 'accepted', dataset: null },
    { do: 'update', id: found.spreadsheet_id },
  );
}

function spreadsheet(state: BackendState, method: string, id: string): Answer {
  const found = state.spreadsheets.get(id);
  if (!found) return failure(404, 'spreadsheet is not registered');
  const { spreadsheet_id, owner_email, is_active } = found;
  if (method === 'GET') {
    return success({ success: true, result: { spreadsheet_id, owner_email, is_active } });
  }
  return success({ success: true, result: { spreadsheet_id } }, { do: 'delete', id });
}

function token(state: BackendState, method: string, id: string, sid: string): Answer {
  const known = state.spreadsheets.get(id)?.tokens.has(sid) ?? false;
  if (!known) return failure(404, 'token is not known');
  const result = { success: true, result: { spreadsheet_id: id, sid } };
  return method === 'GET' ? success(result) : success(result, { do: 'delete-token', id, sid });
}
