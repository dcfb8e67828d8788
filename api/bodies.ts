import { isUtf8 } from 'node:buffer';
import express from 'express';
import type { Request, RequestHandler, Response } from 'express';
import type { EndpointContract } from '../src/contracts/http';
import { DomainError } from '../src/errors/problems';

/** What a request carried: nothing, the value of its JSON or form, or the text of its CSV. */
export type Body =
  { readonly type: 'none' | 'value'; readonly value: unknown } | { type: 'csv'; value: string };

/** Most bytes of a body, unpacked; a bulk of 500 invites fits. */
const limit = '1mb';

// Bytes that are no UTF-8 would silently become other text.
const verify = (_request: unknown, _response: unknown, bytes: Buffer, encoding: string): void => {
  if (/^utf-?8$/i.test(encoding) && !isUtf8(bytes)) throw new DomainError('malformed-body');
};
const any = (): boolean => true;

const readers: Readonly<Record<string, RequestHandler>> = {
  'application/json': express.json({ limit, strict: false, type: any, verify }),
  'application/x-www-form-urlencoded': express.urlencoded({
    limit: '64kb',
    extended: false,
    type: any,
  }),
  'text/csv': express.text({ limit, type: any, verify }),
};

/** The content types that an endpoint takes. */
export function bodyTypesOf(contract: EndpointContract): readonly string[] {
  const types = contract.bodyTypes ?? ['application/json'];
  return contract.csv ? [...types, 'text/csv'] : types;
}

/**
 * Reads the body of a request once it is known who sent it and that they may. GET requests have none: what they
 * carry is left unread.
 * @throws DomainError `unsupported-media-type`, and what the readers throw, see `translateError`
 */
export async function readBody(
  contract: EndpointContract,
  request: Request,
  response: Response,
): Promise<Body> {
  if (contract.method === 'get' || !hasBody(request)) return { type: 'none', value: undefined };
  const types = bodyTypesOf(contract);
  const type = request.is([...types]);
  const reader = type === false || type === null ? undefined : readers[type];
  if (!reader) {
    throw new DomainError('unsupported-media-type', { detail: `Send ${types.join(' or ')}.` });
  }
  const value = await read(reader, request, response);
  return type === 'text/csv' ? { type: 'csv', value: String(value) } : { type: 'value', value };
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function read(reader: RequestHandler, request: Request, response: Response): Promise<unknown> {
  return new Promise((resolve, reject) => {
    void reader(request, response, (error?: unknown) => {
      if (!error) resolve(request.body);
      else reject(isNoArchive(error) ? new DomainError('malformed-body') : (error as Error));
    });
  });
}

// What zlib says of a body that is not packed as its Content-Encoding tells; it comes without a type.
function isNoArchive(error: unknown): boolean {
  const { status, type } = error as { readonly status?: number; readonly type?: string };
  return status === 400 && type === undefined;
}
