import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from 'jose';
import type { JWTPayload, RemoteJWKSet } from 'jose';
import { allowInsecureRequests, discovery, enableNonRepudiationChecks } from 'openid-client';
import type { Configuration } from 'openid-client';
import { DomainError } from '../../errors/problems';
import { ConfigError } from '../../platform/config';
import type { OidcIssuer } from '../../platform/config-values';
import { assertionOf, issuerMistakes, mayConnect, surfaceOf } from './oidc.rules';
import type { Assertion } from './oidc.rules';

/** Signature algorithms that are accepted: asymmetric ones only. */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** The configured identity providers. */
export interface Issuers {
  readonly names: readonly string[];
  /** @throws DomainError `oidc-issuer-unknown` */
  byName(name: string): OidcIssuer;
  /**
   * What an issuer publishes, for the code flow.
   * @throws DomainError `unavailable` while it cannot be reached
   */
  discover(issuer: OidcIssuer): Promise<Configuration>;
  /**
   * Checks a bearer token.
   * @throws DomainError `unauthenticated`; `wrong-audience` for a good token that is not for Usher; `unavailable`
   *   while its issuer cannot be reached
   */
  verify(token: string): Promise<Assertion>;
}

/** Knobs of the connections to issuers, in milliseconds. */
export interface IssuerTiming {
  /** How long what an issuer publishes is kept; its keys are kept for 10 minutes. */
  readonly metadataAge?: number;
  /** After its keys were fetched, how long an unknown key does not fetch them again. */
  readonly keysCooldown?: number;
  /** After it could not be reached, how long it is not tried again. */
  readonly downtime?: number;
}

interface Connection {
  readonly configuration: Configuration;
  readonly issuer: string;
  readonly keys: RemoteJWKSet;
}

const badToken = (detail: string): DomainError => new DomainError('unauthenticated', { detail });
const slash = (url: string): string => url.replace(/\/+$/, '');

/**
 * Builds the issuers; nothing is dialled before one of them is needed.
 * @throws ConfigError for names that are given twice, and for plain http outside of development
 */
export function createIssuers(options: {
  readonly issuers: readonly OidcIssuer[];
  /** Development: issuers may be plain http anywhere. */
  readonly dev: boolean;
  readonly timing?: IssuerTiming;
}): Issuers {
  const { issuers, dev, timing = {} } = options;
  const mistakes = issuerMistakes(issuers, dev);
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  const connections = new Map(
    issuers.map((issuer) => [issuer.name, connectionTo(issuer, dev, timing)]),
  );
  const connect = async (issuer: OidcIssuer): Promise<Connection> => {
    const connection = connections.get(issuer.name);
    if (!connection) throw new DomainError('oidc-issuer-unknown');
    return connection.open();
  };

  return {
    names: issuers.map(({ name }) => name),
    byName(name) {
      const issuer = issuers.find((one) => one.name === name);
      if (!issuer) throw new DomainError('oidc-issuer-unknown');
      return issuer;
    },
    discover: async (issuer) => (await connect(issuer)).configuration,

    async verify(token) {
      const claimed = claimsWithoutTrust(token);
      const candidates = issuers.filter(
        ({ issuer }) => typeof claimed.iss === 'string' && slash(issuer) === slash(claimed.iss),
      );
      // One issuer may stand in several entries, an audience each.
      const issuer =
        candidates.find((one) => surfaceOf(one, claimed.aud) !== undefined) ?? candidates[0];
      if (!issuer) throw badToken('The token is of an issuer that is not accepted here.');
      const connection = await connect(issuer);
      const payload = await verifyWith(connection, token).catch((error: unknown) => {
        if (isOutage(error)) connections.get(issuer.name)?.markDown();
        throw translate(error);
      });
      const surface = surfaceOf(issuer, payload.aud);
      if (!surface) throw new DomainError('wrong-audience');
      return assertionOf(issuer, surface, payload, new Date());
    },
  };
}

function claimsWithoutTrust(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw badToken('The token cannot be read.');
  }
}

async function verifyWith(connection: Connection, token: string): Promise<JWTPayload> {
  const { payload, protectedHeader } = await jwtVerify(token, connection.keys, {
    issuer: connection.issuer,
    algorithms: [...signatureAlgorithms],
    clockTolerance: 10,
    requiredClaims: ['sub', 'aud', 'exp'],
  });
  // Tokens with another type, such as logout tokens, are signed with the same keys and prove no presence.
  const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, '');
  if (type !== undefined && type !== 'jwt' && type !== 'at+jwt') {
    throw badToken('The token is of a type that is not accepted here.');
  }
  if (typeof payload.sub !== 'string' || payload.sub === '') {
    throw badToken('The token names nobody.');
  }
  return payload;
}

/** Whether an error tells of the issuer's state, not of the token. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return !(error instanceof DomainError);
  return ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(error.code);
}

function translate(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isOutage(error)) return unavailable();
  return badToken(
    error instanceof errors.JWTExpired
      ? 'The token has expired.'
      : 'The token is not valid: its signature, algorithm, issuer or times do not hold.',
  );
}

function unavailable(): DomainError {
  return new DomainError('unavailable', {
    detail: 'The identity provider cannot be reached.',
    retryAfterSeconds: 5,
  });
}

/** Keeps one issuer's metadata and keys; concurrent callers share one request. */
function connectionTo(
  issuer: OidcIssuer,
  dev: boolean,
  timing: IssuerTiming,
): { open(): Promise<Connection>; markDown(): void } {
  const { metadataAge = 3_600_000, keysCooldown = 30_000, downtime = 3_000 } = timing;
  let opened: Promise<Connection> | undefined;
  let openedAt = 0;
  let downUntil = 0;

  const dial = async (): Promise<Connection> => {
    const secure = issuer.issuer.startsWith('https:');
    const configuration = await discovery(
      new URL(issuer.issuer),
      issuer.client_id ?? 'usher',
      issuer.client_secret,
      undefined,
      {
        timeout: 5,
        // The ID token comes over our own connection, but its signature is checked all the same.
        execute: secure
          ? [enableNonRepudiationChecks]
          : // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked to stand out; `mayConnect` has decided
            [allowInsecureRequests, enableNonRepudiationChecks],
      },
    );
    const { issuer: name, jwks_uri: jwksUri } = configuration.serverMetadata();
    if (jwksUri === undefined || !mayConnect(jwksUri, dev)) {
      throw new Error('The issuer names no address for its keys that may be used');
    }
    const keys = createRemoteJWKSet(new URL(jwksUri), {
      timeoutDuration: 5_000,
      cooldownDuration: keysCooldown,
      cacheMaxAge: 600_000,
    });
    return { configuration, issuer: name, keys };
  };

  const markDown = (): void => {
    downUntil = Date.now() + downtime;
  };
  return {
    markDown,
    async open() {
      if (Date.now() < downUntil) throw unavailable();
      if (opened && Date.now() - openedAt < metadataAge) return opened;
      openedAt = Date.now();
      const dialling = dial().catch(() => {
        if (opened === dialling) opened = undefined;
        markDown();
        throw unavailable();
      });
      opened = dialling;
      return dialling;
    },
  };
}
