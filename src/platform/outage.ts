import { sqlState } from './db';

const unreachable = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/**
 * Whether an error says that the database is away or too busy: connection failures, shutdowns, time-outs and
 * serialisation failures. The same may be tried again.
 */
export function isOutage(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: string };
  // Before the SQLSTATE, since EPIPE looks like one.
  if (unreachable.has(String(code))) return true;
  const state = sqlState(error);
  if (state !== undefined) return /^(?:08|53|57P|57014|40001|40P01|55P03)/.test(state);
  return /^(?:Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout|Cannot use a pool after calling end)/.test(
    message ?? '',
  );
}
