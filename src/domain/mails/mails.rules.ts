/**
 * A mail that stays in `sending` this long was cut off: whoever sends one gives it up well before (`sendLimits.inAll`
 * of src/platform/mail/transport.ts). It is handed to the server at most this often in all.
 */
export const afterSilence = { seconds: 30, sendings: 2 } as const;

/** Seconds until a mail that the server put off is tried again: 1, 5, 30, 120, 600, then every 15 minutes. */
export function afterFailure(attempts: number): number {
  return [1, 5, 30, 120, 600][attempts] ?? 900;
}
