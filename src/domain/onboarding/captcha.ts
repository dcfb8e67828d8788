import type { Outbound } from '../../platform/outbound';
import type { CaptchaProvider } from './verification';

/**
 * A provider that speaks the common `siteverify` form: secret, response and remoteip posted, `{success}` answered.
 * What cannot be asked counts as not verified.
 */
export function createSiteverify(options: {
  readonly url: string;
  readonly secret: string;
  readonly outbound: Outbound;
}): CaptchaProvider {
  return {
    async verify(answer, remoteIp) {
      const body = new URLSearchParams({
        secret: options.secret,
        response: answer,
        remoteip: remoteIp,
      });
      const result = await options.outbound.send({
        method: 'POST',
        url: options.url,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: body.toString(),
        timeoutMs: 5_000,
      });
      if (result.kind !== 'response' || result.status !== 200) return false;
      return (result.json as { success?: unknown } | undefined)?.success === true;
    },
  };
}
