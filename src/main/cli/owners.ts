import { Email } from '../../contracts/http';
import * as audit from '../../domain/audit/audit-entries';
import { createAccount, findAccountByEmail, setPassword } from '../../domain/identity/accounts';
import { loginLinkMinutes, mintLoginLink } from '../../domain/identity/login-links';
import { makeOwner } from '../../domain/identity/platform-roles';
import { createPasswords } from '../../platform/crypto/passwords';
import { withSystem } from '../../platform/db';
import { CommandFailure, UsageError } from './command';
import type { CliIo, Command } from './command';
import { settings, withDatabase } from './settings';

/** Makes the first owner, or gives an existing account the role. */
export const createOwner: Command = {
  name: 'create-owner',
  summary: 'Create an owner, or make an existing account one, and show how to sign in',
  options: {
    email: { value: 'ADDRESS', about: 'E-mail address of the person', required: true },
    name: { value: 'NAME', about: 'Name of the person; needed for a new account' },
    'login-link': {
      about: `Print a link that opens a session, once and for ${String(loginLinkMinutes)} minutes; the default`,
    },
    'password-stdin': { about: 'Read a password from standard input and set it' },
    json: { about: 'Print JSON: user_id, email, login_url, expires_at' },
  },
  notes: [
    'Repeatable: an account that is an owner already stays one. A password never stands on the command line, where others could read it.',
  ],
  examples: [
    "--email ada@example.com --name 'Ada Lovelace'",
    "--email ada@example.com --name 'Ada Lovelace' --password-stdin < password.txt",
  ],
  async run(input, io) {
    const email = emailOf(input.given('email'));
    const name = input.text('name')?.trim();
    const passwordHash = input.has('password-stdin') ? await hashOf(io, email, name) : undefined;
    const wantsLink = input.has('login-link') || passwordHash === undefined;
    const { userId, link } = await withDatabase(io, (db) =>
      withSystem(db, 'cli', async (tx) => {
        const account = await findAccountByEmail(tx, email);
        if (account?.status === 'deactivated') {
          throw new CommandFailure(
            `The account of ${email} is deactivated.`,
            'Have an owner activate it again, or use another address.',
          );
        }
        const id = account?.id ?? (await createAccount(tx, accountOf(email, name, passwordHash)));
        if (account && passwordHash !== undefined) await setPassword(tx, id, passwordHash);
        await makeOwner(tx, id);
        await audit.append(tx, {
          action: account ? 'user.owner_confirmed' : 'user.created',
          crud: account ? 'u' : 'c',
          actorId: 'system:cli',
          targets: [{ type: 'user', id }],
          metadata: { password_set: passwordHash !== undefined, login_link: wantsLink },
          component: 'cli',
        });
        return { userId: id, link: wantsLink ? await mintLoginLink(tx, id) : undefined };
      }),
    );
    const { PUBLIC_URL: publicUrl } = settings(io.env, ['PUBLIC_URL']);
    const loginUrl = link && `${publicUrl}/login/${link.token}`;
    const until = link?.expiresAt.toISOString() ?? null;
    if (input.has('json')) {
      const answer = { user_id: userId, email, login_url: loginUrl ?? null, expires_at: until };
      io.out(JSON.stringify(answer));
      return 0;
    }
    io.out(`${email} is an owner.`);
    if (loginUrl !== undefined) {
      io.out(`Sign in with this link, once and until ${String(until)}:`);
      io.out(loginUrl);
    }
    return 0;
  },
};

function emailOf(text: string): string {
  const parsed = Email.safeParse(text);
  if (!parsed.success) throw new UsageError(`--email ${text} is no e-mail address`);
  return parsed.data;
}

function accountOf(email: string, name: string | undefined, passwordHash: string | undefined) {
  if (!name) {
    throw new UsageError('--name is missing: there is no account of this address yet');
  }
  return { email, name, staff: true, passwordHash: passwordHash ?? null };
}

async function hashOf(io: CliIo, email: string, name: string | undefined): Promise<string> {
  if (io.interactive) {
    io.err('Type the password and end with Ctrl-D on an empty line; it is shown while you type.');
  }
  const password = (await io.readStdin()).replace(/\r?\n$/, '');
  if (password === '') throw new UsageError('--password-stdin got nothing on standard input');
  const { PASSWORD_MIN_LENGTH: minLength } = settings(io.env, ['PASSWORD_MIN_LENGTH']);
  const passwords = createPasswords({ minLength });
  passwords.requireStrong(password, [email, ...(name ? [name] : [])], '/password');
  return passwords.hash(password);
}
