import { hash } from 'argon2';
import fc from 'fast-check';
import { passwordFlaw } from '../../../src/platform/crypto/password-strength';
import { createPasswords } from '../../../src/platform/crypto/passwords';

const passwords = createPasswords({ minLength: 15 });
const flaw = (password: string, personal: string[] = []) => passwords.flawOf(password, personal);

describe('a password may be chosen', () => {
  test.each([
    'velvet anchor meadow glacier',
    'kJ3#9dlqPz!x7Rt',
    'ночной поезд везёт чай',
    'ein ruhiger grüner Fluss',
    '雨の降る静かな夜に猫が二匹歩いている',
    '🦊 jumps over 7 lazy rivers',
  ])('without composition rules: %s', (password) => {
    expect(
      flaw(password, ['mila@nordlicht.example', 'Mila Kern', 'Nordlicht GmbH']),
    ).toBeUndefined();
  });

  test('of any random letters and signs of the shortest length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii', minLength: 15, maxLength: 15 }), (text) => {
        fc.pre(new Set(text.toLowerCase()).size >= 13);
        expect(flaw(text)).not.toBe('password-too-short');
        expect(flaw(text)).not.toBe('password-too-long');
      }),
    );
  });
});

describe('a password is refused', () => {
  test.each([
    ['password-too-short', 'kJ3#9dlqPz!x7R'],
    ['password-common', 'passwordpassword'],
    ['password-common', 'Password12345678!'],
    ['password-common', 'P@ssw0rdP@ssw0rd'],
    ['password-common', 'qwertyuiopasdfghjkl'],
    ['password-common', 'aaaaaaaaaaaaaaaaaaaa'],
    ['password-common', 'abcabcabcabcabcabc'],
    ['password-common', '98765432109876543210'],
    ['password-common', 'iloveyou-iloveyou-iloveyou'],
    ['password-common', 'парольпарольпароль'],
    ['password-personal', 'nordlicht loves velvet'],
    ['password-personal', 'my name is M1la Kernig'],
    ['password-personal', 'velvet mila.kern meadow'],
    ['password-personal', 'the MÜLLERmeier glacier'],
  ])('as %s: %s', (expected, password) => {
    const personal = ['mila.kern@nordlicht.example', 'Mila Kernig', 'Müllermeier'];
    expect(flaw(password, personal)).toBe(expected);
  });

  test('when it is longer than 1,024 characters', () => {
    expect(flaw('kJ3#9dlqPz!x7Rt '.repeat(65))).toBe('password-too-long');
  });

  test('by code points of its NFC form, not by bytes or combining marks', () => {
    const composed = 'é'.normalize('NFC');
    const decomposed = composed.normalize('NFD');
    const rule = { minLength: 15, personal: [] };
    expect(passwordFlaw(`${decomposed.repeat(2)}xkqvwzjb1934`, rule)).toBe('password-too-short');
    expect(passwordFlaw(`${decomposed.repeat(2)}xkqvwzjb19347`, rule)).toBeUndefined();
  });

  test('with a pointer to its field and the reason, and nothing of the password', () => {
    expect(() => passwords.requireStrong('hunter2hunter2', [], '/password')).toThrow(
      expect.objectContaining({
        code: 'password-too-weak',
        context: {
          errors: [{ pointer: '/password', message: 'must have at least 15 characters' }],
          extra: { reason: 'password-too-short' },
        },
      }),
    );
  });
});

describe('a stored password', () => {
  test('is argon2id with 64 MiB, three passes and one lane', async () => {
    expect(await passwords.hash('velvet anchor meadow')).toMatch(
      /^\$argon2id\$v=19\$m=65536,t=3,p=1\$/,
    );
  });

  test('is matched in any Unicode form, and only by itself', async () => {
    const stored = await passwords.hash('crème brûlée für alle'.normalize('NFD'));
    expect(await passwords.check('crème brûlée für alle'.normalize('NFC'), stored)).toEqual({
      ok: true,
      upgrade: null,
    });
    expect((await passwords.check('creme brulee fur alle', stored)).ok).toBe(false);
  });

  test('with older parameters is matched and comes back with today’s', async () => {
    const old = await hash('velvet anchor meadow', {
      memoryCost: 19_456,
      timeCost: 2,
      parallelism: 1,
    });
    const { ok, upgrade } = await passwords.check('velvet anchor meadow', old);
    expect(ok).toBe(true);
    expect(upgrade).toMatch(/m=65536,t=3,p=1/);
    expect((await passwords.check('velvet anchor meadow', upgrade)).ok).toBe(true);
    expect((await passwords.check('wrong', old)).upgrade).toBeNull();
  });

  test('that is missing or unreadable is matched by nothing', async () => {
    expect((await passwords.check('', null)).ok).toBe(false);
    expect((await passwords.check('velvet anchor meadow', null)).ok).toBe(false);
    expect((await passwords.check('velvet anchor meadow', 'no hash at all')).ok).toBe(false);
  });
});

test('only so many hashes run and wait; the next one is refused at once', async () => {
  const narrow = createPasswords({ minLength: 15, running: 1, waiting: 1 });
  const all = await Promise.allSettled([
    narrow.hash('one'),
    narrow.hash('two'),
    narrow.hash('three'),
  ]);
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect((all[2] as PromiseRejectedResult).reason).toMatchObject({ code: 'unavailable' });
  await expect(narrow.hash('four')).resolves.toContain('$argon2id$');
});
