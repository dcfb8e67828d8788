import { afterFailure, afterSilence } from '../../../src/domain/mails/mails.rules';
import { sendLimits } from '../../../src/platform/mail/transport';

test('whoever sends a mail has given it up, with time to record it, before another takes it for cut off', () => {
  expect(sendLimits.inAll + 10_000).toBeLessThanOrEqual(afterSilence.seconds * 1000);
});

test('a mail that is put off waits longer every time, up to 15 minutes', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map(afterFailure)).toEqual([1, 5, 30, 120, 600, 900, 900]);
});
