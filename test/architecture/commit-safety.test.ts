import { read, filesIn, occurrences } from './tree';

const generated =
  /^(package-lock\.json|test\/histories\/|test\/support\/compose-spec\.json|docs\/images\/)/;
const texts = filesIn().filter(
  (path) => !generated.test(path) && !/\.(png|jpg|ico|woff2)$/.test(path),
);

describe('what is committed', () => {
  test('names no folder of anybody’s machine', () => {
    const ownFolders = ['work', 'root', 'Users', 'home/[a-z]', 'tmp/w'].join('|');
    const machine = new RegExp(`(^|[\\s'"\`(=])/(${ownFolders})/`);
    expect(occurrences(texts, machine)).toEqual([]);
  });

  test('holds no private key and no token', () => {
    const secrets =
      /-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(ghp|npm|sk_live|rk_live)_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b/;
    expect(occurrences(texts, secrets)).toEqual([]);
  });

  test('leaves out the state, the secrets and the environment of a deployment', () => {
    const ignored = read('.gitignore').split('\n');
    expect(ignored).toEqual(
      expect.arrayContaining(['node_modules/', 'dist/', '.usher/', '.env', 'deploy/usher.env']),
    );
  });
});
