import { randomBytes } from 'node:crypto';
import { createFormTokens } from '../../api/pages/form-tokens';

const key = (id: string) => ({ id, key: randomBytes(32) });
const [first, second] = [key('k1'), key('k2')];
const hour = 3_600_000;
let now = Date.parse('2026-11-21T10:00:00Z');
const clock = { now: () => new Date(now) };
const forms = createFormTokens({ keys: [first], clock });

test('a token holds for its form and its subject, and for nothing else', () => {
  const token = forms.issue('invite', 'one');
  expect(forms.check('invite', 'one', token)).toEqual({ nonce: expect.any(String) });
  expect(forms.check('invite', 'two', token)).toBeUndefined();
  expect(forms.check('progress', 'one', token)).toBeUndefined();
});

test('a token holds for 24 hours', () => {
  const token = forms.issue('invite', 'one');
  now += 24 * hour - 1;
  expect(forms.check('invite', 'one', token)).toBeDefined();
  now += 1;
  expect(forms.check('invite', 'one', token)).toBeUndefined();
});

test('each token has a nonce of its own, which stays the same however often it is checked', () => {
  const [one, two] = [forms.issue('invite', 'one'), forms.issue('invite', 'one')];
  const nonces = [one, one, two].map((token) => forms.check('invite', 'one', token)?.nonce);
  expect(new Set(nonces).size).toBe(2);
});

test('a token does not hold its subject in the clear', () => {
  const [body = ''] = forms.issue('invite', 'the-secret-of-the-link').split('.');
  expect(Buffer.from(body, 'base64url').toString()).not.toContain('secret');
});

test('after a change of keys the older one still counts, and a foreign one never does', () => {
  const token = forms.issue('invite', 'one');
  expect(
    createFormTokens({ keys: [second, first], clock }).check('invite', 'one', token),
  ).toBeDefined();
  expect(createFormTokens({ keys: [second], clock }).check('invite', 'one', token)).toBeUndefined();
});

test.each([undefined, '', '.', 'x.y', 'e30.', `${'a'.repeat(5000)}.b`])(
  '%s is no token',
  (text) => {
    expect(forms.check('invite', 'one', text)).toBeUndefined();
  },
);
