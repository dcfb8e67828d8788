import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { findServiceCaller } from '../src/domain/identity/service-accounts';
import type { ServiceKeys } from '../src/domain/identity/service-accounts';
import { DomainError } from '../src/errors/problems';
import { addressSet } from '../src/platform/address-ranges';
import { normaliseAddress } from '../src/platform/client-addresses';
import { inTime } from '../src/platform/in-time';
import { parseKey } from '../src/platform/crypto/keys';
import type { Database } from '../src/platform/db';

/** Who may verify keys. The peer of a connection is the caller; it is never the client whose key is asked about. */
export interface VerifyCallers {
  /** Whether the peer may ask because of where it connects from. */
  isAllowed(socket: Socket): boolean;
  /** Whether X-Real-IP is believed from the peer. */
  isTrusted(socket: Socket): boolean;
  /** Whether the request carries the key of a service account with `keys:verify`. @throws when nobody can know */
  isPermitted(request: IncomingMessage): Promise<boolean>;
}

/** What callers are told apart by. */
export interface VerifyCallersOptions {
  /** Ranges of peers that may ask; `all` on an address of its own. */
  readonly allowed: readonly string[] | 'all';
  /** `TRUSTED_PROXIES` */
  readonly proxies: readonly string[];
  readonly db: Database;
  /** Milliseconds within which it is known whether a caller is permitted; longer is not waited for. */
  readonly withinMs: number;
  readonly serviceKeys: ServiceKeys;
}

/** Builds the rules of one listener. */
export function createVerifyCallers(options: VerifyCallersOptions): VerifyCallers {
  const { allowed } = options;
  const isProxy = addressSet(options.proxies);
  const mayAsk = allowed === 'all' ? () => true : perConnection(addressSet(allowed));
  const isTrusted = perConnection(isProxy);

  // The right-most hop that is no trusted proxy, as for every other route.
  const callerAddress = ({ socket, headers }: IncomingMessage): string | undefined => {
    const peer = normaliseAddress(socket.remoteAddress);
    const hops = String(headers['x-forwarded-for'] ?? '').split(',');
    const chain = [...hops.map(normaliseAddress), peer].reverse();
    for (const [at, hop] of chain.entries()) {
      if (hop === undefined) return chain[at - 1];
      if (!isProxy(hop)) return hop;
    }
    return chain.at(-1);
  };

  return {
    isAllowed: mayAsk,
    isTrusted,
    async isPermitted(request) {
      const key = credentialOf(request);
      if (key === undefined || !parseKey(options.serviceKeys.prefix, key)) return false;
      try {
        const ip = callerAddress(request);
        const found = findServiceCaller(options.db, options.serviceKeys, key, ip);
        const caller = await inTime(found, options.withinMs);
        return caller?.permissions.has('keys:verify') ?? false;
      } catch (error) {
        if (error instanceof DomainError) return false;
        throw error;
      }
    },
  };
}

// A connection keeps its peer, so that one look is enough for all its requests.
function perConnection(holds: (address: string) => boolean): (socket: Socket) => boolean {
  const known = new WeakMap<Socket, boolean>();
  return (socket) => {
    let answer = known.get(socket);
    if (answer === undefined) {
      const address = normaliseAddress(socket.remoteAddress);
      answer = address !== undefined && holds(address);
      known.set(socket, answer);
    }
    return answer;
  };
}

function credentialOf({ headers }: IncomingMessage): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  const apiKey = headers['x-api-key'];
  if (typeof apiKey !== 'string') return bearer;
  return bearer === undefined || bearer === apiKey ? apiKey : undefined;
}
