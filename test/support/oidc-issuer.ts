import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import type { OidcIssuer } from '../../src/platform/config-values';

/** Claims of a token; whatever a test wants to say. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/** How a token differs from a proper one. */
export interface TokenFlaws {
  /** `none` leaves it unsigned, `HS256` signs it with the public key's text, as the classic attack does. */
  readonly alg?: 'RS256' | 'ES256' | 'HS256' | 'none';
  /** Header members such as `typ`; they win. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Signs with a key that the issuer never published, under the id of one that it did. */
  readonly forged?: boolean;
}

/** A real OpenID provider in this process: discovery, authorize, token and keys over HTTP. */
export interface TestIssuer {
  readonly url: string;
  readonly clientId: string;
  /** Who signs in at its authorize page: claims of the ID tokens that it issues from now on. */
  person: TokenClaims;
  /** What its ID tokens are like from now on. */
  idTokenFlaws: TokenFlaws;
  /** How often its keys were fetched. */
  readonly keyFetches: number;
  /** An entry for OIDC_ISSUERS. */
  entry(over?: Partial<OidcIssuer>): OidcIssuer;
  /** A bearer token; `iss`, `iat` and `exp` (5 minutes) are filled in unless given. */
  token(claims: TokenClaims, flaws?: TokenFlaws): Promise<string>;
  /** Signs with a new key from now on; the old one is not published any more. */
  rotateKeys(): Promise<void>;
  /** Stops listening; its address stays reserved for `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

interface Grant {
  readonly challenge: string;
  readonly redirectUri: string;
  readonly nonce: string | null;
  readonly claims: TokenClaims;
}

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

const clientId = 'usher-test';
const clientSecret = 'a-secret-of-the-test-client';

/** Starts an issuer on a free port of the loopback interface. */
export async function startIssuer(): Promise<TestIssuer> {
  const grants = new Map<string, Grant>();
  let keys = await newKeys();
  let fetches = 0;
  let person: TokenClaims = {};
  let idTokenFlaws: TokenFlaws = {};
  let server: Server | undefined;
  let url = '';

  const sign = async (claims: TokenClaims, flaws: TokenFlaws = {}): Promise<string> => {
    const now = Math.floor(Date.now() / 1000);
    const payload = { iss: url, iat: now, exp: now + 300, ...claims };
    const alg = flaws.alg ?? 'RS256';
    const key = alg === 'ES256' ? keys.es : keys.rs;
    const header = { alg, kid: key.kid, typ: 'JWT', ...flaws.header };
    if (alg === 'none') return `${encoded(header)}.${encoded(payload)}.`;
    const forged = flaws.forged ? (await newKeys()).rs.privateKey : undefined;
    return new SignJWT(payload)
      .setProtectedHeader(header)
      .sign(alg === 'HS256' ? Buffer.from(JSON.stringify(key.jwk)) : (forged ?? key.privateKey));
  };

  const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
    '/.well-known/openid-configuration': (_request, response) => {
      json(response, 200, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/keys`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'ES256'],
        code_challenge_methods_supported: ['S256'],
      });
    },
    '/keys': (_request, response) => {
      fetches += 1;
      json(response, 200, { keys: [keys.rs.jwk, keys.es.jwk] });
    },
    // A real provider shows a sign-in page here; this one knows who it is already.
    '/authorize': (request, response) => {
      const wish = new URL(request.url ?? '/', url).searchParams;
      const back = new URL(wish.get('redirect_uri') ?? url);
      const code = randomBytes(16).toString('base64url');
      grants.set(code, {
        challenge: wish.get('code_challenge') ?? '',
        redirectUri: back.href,
        nonce: wish.get('nonce'),
        claims: {
          ...(wish.has('max_age') ? { auth_time: Math.floor(Date.now() / 1000) } : {}),
          ...person,
        },
      });
      back.searchParams.set('code', code);
      back.searchParams.set('state', wish.get('state') ?? '');
      response.writeHead(302, { location: back.href }).end();
    },
    '/token': (request, response) => {
      void read(request).then(async (form) => {
        const grant = grants.get(form.get('code') ?? '');
        grants.delete(form.get('code') ?? '');
        const challenge = createHash('sha256')
          .update(form.get('code_verifier') ?? '')
          .digest('base64url');
        const ok =
          grant?.challenge === challenge &&
          grant.redirectUri === form.get('redirect_uri') &&
          form.get('client_id') === clientId &&
          form.get('client_secret') === clientSecret;
        if (!ok) {
          json(response, 400, { error: 'invalid_grant' });
          return;
        }
        const claims = {
          aud: clientId,
          ...(grant.nonce === null ? {} : { nonce: grant.nonce }),
          ...grant.claims,
        };
        json(response, 200, {
          access_token: randomBytes(16).toString('base64url'),
          token_type: 'Bearer',
          expires_in: 300,
          id_token: await sign(claims, idTokenFlaws),
        });
      });
    },
  };

  const listen = async (port: number): Promise<void> => {
    const listening = createServer((request, response) => {
      // No connection outlives its answer, so that the issuer can go down at any moment.
      response.shouldKeepAlive = false;
      const route = routes[(request.url ?? '').split('?')[0] ?? ''];
      if (route) route(request, response);
      else json(response, 404, {});
    });
    await new Promise<void>((resolve) => listening.listen(port, '127.0.0.1', resolve));
    server = listening;
  };
  await listen(0);
  const { port } = (server as unknown as Server).address() as AddressInfo;
  url = `http://127.0.0.1:${String(port)}`;

  return {
    url,
    clientId,
    get person() {
      return person;
    },
    set person(claims) {
      person = claims;
    },
    get idTokenFlaws() {
      return idTokenFlaws;
    },
    set idTokenFlaws(flaws) {
      idTokenFlaws = flaws;
    },
    get keyFetches() {
      return fetches;
    },
    entry: (over = {}) => ({
      name: 'corp',
      issuer: url,
      client_id: clientId,
      client_secret: clientSecret,
      audiences: { [clientId]: 'operator', 'usher-portal': 'customer' },
      groups_claim: 'groups',
      roles: { ops: 'operator', helpdesk: 'support', chiefs: 'owner' },
      authoritative_domains: ['corp.example'],
      ...over,
    }),
    token: sign,
    rotateKeys: async () => {
      keys = await newKeys();
    },
    stop: async () => {
      const stopping = server;
      server = undefined;
      stopping?.closeAllConnections();
      await new Promise<void>((resolve) => {
        if (stopping) stopping.close(() => resolve());
        else resolve();
      });
    },
    start: () => listen(port),
  };
}

async function newKeys(): Promise<{ rs: SigningKey; es: SigningKey }> {
  const make = async (alg: 'RS256' | 'ES256'): Promise<SigningKey> => {
    const kid = randomBytes(6).toString('base64url');
    const { privateKey, publicKey } = await generateKeyPair(alg);
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
  };
  return { rs: await make('RS256'), es: await make('ES256') };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function read(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return new URLSearchParams(text);
}
