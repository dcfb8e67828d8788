/** A marketplace token as the sample backend reads it: a JWT whose payload names its sid. */
export function marketplaceToken(sid: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256', typ: 'JWT' })}.${part({ sid, iat: 1_700_000_000 })}.c2lnbmF0dXJl`;
}

type Make = (
  sheet: string,
  token: string,
) => { readonly path: string; readonly body: Record<string, unknown> };

/** The calls of the sample connector's steps, as its file declares them. */
export const stepRequests = {
  register: (sheet) => ({
    path: '/admin/spreadsheets/register',
    body: { spreadsheet_id: sheet, owner_email: `${sheet}@example.com` },
  }),
  'add-token': (sheet, token) => ({
    path: '/admin/wb/tokens/add',
    body: { spreadsheet_id: sheet, token, owner_email: `${sheet}@example.com` },
  }),
  verify: (sheet) => ({ path: '/ss/wb/token/get', body: { spreadsheet_id: sheet } }),
  smoke: (sheet) => ({ path: '/ss/datasets/update', body: { ssId: sheet } }),
} satisfies Record<string, Make>;
