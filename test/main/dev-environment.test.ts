import { environmentFor, systemEnvironment } from '../../src/main/dev-environment';
import { loadConfig } from '../../src/platform/config';
import { openSecrets } from '../../src/servers/secrets';
import type { RunFile } from '../../src/servers/run-file';
import { newStateFolder, removeStateFolder } from '../servers/state-folder';

let stateDir: string;
const servers = {
  postgres: {
    app_url: 'postgres://usher_app:a@127.0.0.1:1/usher',
    owner_url: 'postgres://usher_owner:b@127.0.0.1:1/usher',
    sequencer_url: 'postgres://usher_sequencer:c@127.0.0.1:1/usher',
    pid: 1,
  },
  temporal: { address: '127.0.0.1:2', namespace: 'default', ui_url: null, pid: 2 },
  mailbox: { url: 'http://127.0.0.1:3', smtp_url: 'smtp://127.0.0.1:4', pid: 3 },
  backend: { url: 'http://127.0.0.1:5', pid: 4 },
  objects: { url: 'http://127.0.0.1:6' },
};
const addresses = {
  api: ':8090',
  worker: ':8091',
  apiUrl: 'http://localhost:8090',
  workerUrl: 'http://localhost:8091',
  publicUrl: 'http://localhost:8090',
};

beforeEach(() => {
  stateDir = newStateFolder();
});
afterEach(() => removeStateFolder(stateDir));

describe('the environment of a development system', () => {
  it.each(['api', 'worker', 'migrate', 'cli'] as const)(
    'is a complete configuration for %s',
    (name) => {
      const environment = systemEnvironment(servers, openSecrets(stateDir), addresses);
      expect(() => loadConfig(environmentFor(name, environment), name)).not.toThrow();
    },
  );

  it('shows the owner of the schema to migrate and the command line only', () => {
    const environment = systemEnvironment(servers, openSecrets(stateDir), addresses);
    const knows = (name: 'api' | 'worker' | 'migrate' | 'cli') =>
      'DATABASE_OWNER_URL' in environmentFor(name, environment);
    expect(['api', 'worker', 'migrate', 'cli'].map((name) => knows(name as 'api'))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it('opens the object store to the worker and the command line only', () => {
    const environment = systemEnvironment(servers, openSecrets(stateDir), addresses);
    for (const name of ['worker', 'cli'] as const) {
      expect(environmentFor(name, environment)).toMatchObject({
        AUDIT_COLD_ENDPOINT: 'http://127.0.0.1:6',
        AUDIT_COLD_BUCKET: 'usher-audit',
      });
    }
    const others = (['api', 'migrate'] as const).flatMap((name) =>
      Object.keys(environmentFor(name, environment)),
    );
    expect(others.filter((name) => name.startsWith('AUDIT_COLD_'))).toEqual([]);
  });

  it('adds nothing of its own to an object store that was configured', () => {
    process.env['AUDIT_COLD_BUCKET'] = 'theirs';
    try {
      const environment = systemEnvironment(servers, openSecrets(stateDir), addresses);
      expect(Object.keys(environment).filter((name) => name.startsWith('AUDIT_COLD_'))).toEqual([
        'AUDIT_COLD_BUCKET',
      ]);
    } finally {
      delete process.env['AUDIT_COLD_BUCKET'];
    }
  });

  it('keeps the same secrets at every start', () => {
    const first = systemEnvironment(servers, openSecrets(stateDir), addresses);
    const second = systemEnvironment(servers, openSecrets(stateDir), addresses);
    expect(second).toEqual(first);
  });

  it('has an address to tell operators, whose mails are in the mailbox', () => {
    const told = (mailbox: RunFile['mailbox']) =>
      systemEnvironment({ ...servers, mailbox }, openSecrets(stateDir), addresses)[
        'OPERATORS_MAIL'
      ];
    const another = { url: null, smtp_url: 'smtp://mail.example', pid: null };
    expect([told(servers.mailbox), told(another)]).toEqual([
      'operators@usher.localhost',
      undefined,
    ]);
  });

  it('makes no secrets for a database that was configured', () => {
    const postgres = { ...servers.postgres, pid: null };
    const environment = systemEnvironment(
      { ...servers, postgres },
      openSecrets(stateDir),
      addresses,
    );
    expect(environment).not.toHaveProperty('KEYS_HASH_PEPPER');
    expect(environment).not.toHaveProperty('SECRETS_KEY_RING');
  });
});
