import fc from 'fast-check';
import { commands } from '../../src/main/cli/commands';
import { distance, nearest } from '../../src/main/cli/suggest';
import { usher } from './command-line';

const names = commands.map(({ name }) => name);

describe('usher', () => {
  it('without a command shows what there is and ends with 2, with --help and help with 0', async () => {
    const bare = await usher([]);
    expect(bare).toMatchObject({ code: 2, out: '' });
    for (const name of names) expect(bare.err).toContain(name);
    expect(await usher(['--help'])).toMatchObject({ code: 0, out: bare.err });
    expect(await usher(['help'])).toMatchObject({ code: 0, out: bare.err });
    expect((await usher(['--colour'])).err).toContain('There is no option --colour');
  });

  it.each(names)(
    '%s explains itself: usage, every option, and no database needed for it',
    async (name) => {
      const help = await usher([...name.split(' '), '--help']);
      expect(help).toMatchObject({ code: 0, err: '' });
      expect(help.out).toContain(`usher ${name}`);
      const command = commands.find((one) => one.name === name);
      for (const option of Object.keys(command?.options ?? {}))
        expect(help.out).toContain(`--${option}`);
      expect(Math.max(...help.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
      expect((await usher(['help', ...name.split(' ')])).out).toBe(help.out);
    },
  );

  it.each([
    [['onbording', 'list'], 'onboarding list'],
    [['doctr'], 'doctor'],
    [['onboarding', 'retyr'], 'onboarding retry'],
    [['service-accounts', 'create'], 'service-account create'],
    [['secret', 'rotate'], 'secrets rotate'],
  ])('for %j suggests %s and ends with 2', async (words, meant) => {
    const called = await usher(words);
    expect(called).toMatchObject({ code: 2, out: '' });
    expect(called.err).toContain(`did you mean usher ${meant}?`);
  });

  it.each([
    [
      ['create-owner', '--emial', 'a@example.com'],
      'There is no option --emial; did you mean --email?',
    ],
    [['create-owner'], '--email ADDRESS is missing'],
    [['create-owner', '--email'], '--email needs a value'],
    [['create-owner', '--email', '--name', 'x'], '--email needs a value'],
    [['create-owner', '--email', 'a', '--email', 'b'], '--email may be given only once'],
    [['create-owner', '--email', 'nonsense'], 'is no e-mail address'],
    [['onboarding', 'list', '--json=yes'], '--json takes no value'],
    [['onboarding', 'list', 'a', 'b'], 'b: nothing more is expected here'],
    [['onboarding', 'list', '--state', 'actve'], 'did you mean active?'],
    [['onboarding', 'list', '--limit', '-3'], '--limit must be a whole number'],
    [['onboarding', 'list', '--parked-for', 'long'], '--parked-for must be a time such as'],
    [['onboarding', 'show'], 'ONBOARDING is missing'],
    [['onboarding', 'retry', 'acme'], '--reason TEXT is missing'],
    [['onboarding', 'fix', 'acme', '--reason', 'x'], 'fix needs a new input'],
    [['onboarding', 'restart'], 'by --all'],
    [['migrate', 'sideways'], 'write up, down or status'],
    [['migrate', 'down'], 'add --yes if you mean it'],
    [['service-account', 'create', '--name', 'x'], '--role ROLE or --permission'],
    [['service-account', 'create', '--name', 'x', '--role', 'ownr'], 'did you mean owner?'],
    [
      ['service-account', 'create', '--name', 'x', '--permission', 'invites:crate'],
      'did you mean invites:create?',
    ],
    [['service-account', 'revoke', '17'], '17 is no id'],
    [['outbox', 'replay'], 'name the wake-ups by their ids'],
  ])('%j ends with 2 and says: %s', async (words, text) => {
    const called = await usher(words);
    expect(called).toMatchObject({ code: 2, out: '' });
    expect(called.err).toContain(text);
    expect(called.err).toMatch(/Try: usher [a-z -]+ --help/);
  });

  it('takes a value that begins with hyphens behind an equals sign', async () => {
    const called = await usher(['onboarding', 'retry', 'acme', '--reason=--because'], {
      root: '/nowhere',
      env: { USHER_URL: 'http://127.0.0.1:1', USHER_KEY: 'k' },
    });
    expect(called.err).toContain('cannot be reached');
  });

  it('never answers a mistyped call with a stack trace or an unexpected exit code', async () => {
    const word = fc.oneof(
      fc.constantFrom(
        ...names.flatMap((name) => name.split(' ')),
        '--json',
        '--limit',
        '--help',
        '--',
        '-x',
      ),
      fc.string({ maxLength: 12 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 5 }), async (words) => {
        // The doctor waits for servers that are not there.
        fc.pre(words[0] !== 'doctor');
        const called = await usher(words, {
          root: '/nowhere',
          env: { CONNECTORS_DIR: '/nowhere' },
        });
        expect([0, 1, 2]).toContain(called.code);
        expect(called.out + called.err).not.toMatch(/\n\s+at .+:\d+:\d+/);
        expect(called.out + called.err).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });

  it('needs only the variables of the command, and names each that is missing', async () => {
    const list = await usher(['onboarding', 'list'], { env: { ADDR: 'nonsense' } });
    expect(list.code).toBe(1);
    expect(list.err).toContain('DATABASE_URL is missing');
    expect(list.err).not.toMatch(/ADDR|KEYS_HASH_PEPPER|COOKIE_SECRET/);
    const create = await usher(['service-account', 'create', '--name', 'x', '--role', 'owner']);
    expect(create.err).toContain('KEYS_HASH_PEPPER is missing');
    expect((await usher(['migrate', 'up'])).err).toContain('DATABASE_OWNER_URL');
  });

  it('says what to do when the database cannot be reached, without its password', async () => {
    const env = { DATABASE_URL: 'postgres://usher_app:sesame@127.0.0.1:1/usher' };
    const called = await usher(['partner', 'list'], { env });
    expect(called.code).toBe(1);
    expect(called.err).toContain('ECONNREFUSED');
    expect(called.err).toContain('start the database, or correct DATABASE_URL');
    expect(called.err).not.toContain('sesame');
  });

  it('says what to do when no system runs and no API is named', async () => {
    const words = ['onboarding', 'cancel', 'acme', '--reason', 'over'];
    const none = await usher(words, { root: '/nowhere' });
    expect(none).toMatchObject({ code: 1 });
    expect(none.err).toContain('Start bin/dev, or set both');
    const half = await usher(words, { root: '/nowhere', env: { USHER_URL: 'http://127.0.0.1:1' } });
    expect(half.err).toContain('USHER_KEY is not set');
  });
});

describe('a suggestion', () => {
  it('is never further away than it has to be', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(20), (name, at) => {
        const typed = name.slice(0, at % name.length) + name.slice((at % name.length) + 1);
        const meant = nearest(typed, names);
        fc.pre(meant !== undefined);
        expect(meant.startsWith(typed) || distance(typed, meant) <= 1).toBe(true);
      }),
    );
  });

  it('is not made for a word that is like none', () => {
    expect(nearest('xylophone', names)).toBeUndefined();
    expect(nearest('', names)).toBeUndefined();
  });

  it('counts a swap of neighbours as one change', () => {
    expect(distance('retyr', 'retry')).toBe(1);
    expect(distance('abc', 'abc')).toBe(0);
    expect(distance('', 'abc')).toBe(3);
  });
});
