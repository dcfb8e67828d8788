import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { EndpointContract } from '../src/contracts/http';
import type { Caller, OnboardingCaller } from '../src/domain/identity/callers';
import type { Idempotency } from './middleware/idempotency';

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** One request, parsed by its endpoint's contract and authorised. */
export interface Call<E extends EndpointContract = EndpointContract> {
  readonly caller: Caller;
  /** The onboarding that the cookie of an accepted invite names, also beside a session. */
  readonly onboarding: OnboardingCaller | undefined;
  readonly params: Parsed<E['params']>;
  readonly query: Parsed<E['query']>;
  /** Text where the endpoint takes CSV and got it. */
  readonly body: Parsed<E['body']> | (E extends { readonly csv: z.ZodString } ? string : never);
  readonly requestId: string;
  /** The client's address: the right-most hop that is no trusted proxy. */
  readonly ip: string;
  readonly userAgent: string | null;
  readonly headers: IncomingHttpHeaders;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** The version named by If-Match, when the endpoint checks it and it was given. */
  readonly ifMatch: number | undefined;
  /** Present on idempotent endpoints that got a key. */
  readonly idempotency: Idempotency | undefined;
}

type StatusOf<E extends EndpointContract> = keyof E['responses'] & number;

/** A body that is written bit by bit, as fast as its reader takes it. What goes wrong in the middle cuts it short. */
export interface Streamed {
  /** One of the endpoint's media types. */
  readonly type: string;
  /** @param signal fires when the reader has gone */
  readonly stream: (signal: AbortSignal) => AsyncIterable<string | Uint8Array>;
}

/** Whether a body is written bit by bit. */
export function isStreamed(body: unknown): body is Streamed {
  return typeof body === 'object' && body !== null && 'stream' in body && 'type' in body;
}

/** A success answer. Problems are thrown as `DomainError`. */
export type Reply<E extends EndpointContract = EndpointContract> = {
  [S in StatusOf<E>]: {
    readonly status: S;
    readonly body: E['responses'][S] extends z.ZodType
      ? z.input<E['responses'][S]> | Streamed
      : null;
    readonly headers?: Readonly<Record<string, string>>;
    /** Values for Set-Cookie. */
    readonly cookies?: readonly string[];
    /** Version of the resource; becomes a strong ETag. */
    readonly version?: number;
    /** The answer of an earlier request with the same Idempotency-Key. */
    readonly replayed?: true;
  };
}[StatusOf<E>];

/** What answers an endpoint: parsing is done, the permission is checked. */
export type Handler<E extends EndpointContract = EndpointContract> = (
  call: Call<E>,
) => Promise<Reply<E>>;

/** Handlers by operationId for a list of endpoint contracts; a missing or surplus one does not compile. */
export type Handlers<L extends readonly EndpointContract[]> = {
  [E in L[number] as E['operationId']]: Handler<E>;
};
