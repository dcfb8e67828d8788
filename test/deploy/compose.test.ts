import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { verifyPaths } from '../../api/verify';
import { inspectConnectors } from '../../src/domain/onboarding/connectors';
import { addressSet } from '../../src/platform/address-ranges';
import { variables } from '../../src/platform/config';
import type { ProcessName, Variable, VariableName } from '../../src/platform/config';
import { roleTimeouts } from '../../src/servers/postgres-roles';
import { exists, read, root } from '../architecture/tree';

interface Service {
  readonly image?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy?: { readonly replicas?: number };
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly ports?: readonly string[];
  readonly expose?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, object>>;
  readonly cap_drop?: readonly string[];
}

interface Network {
  readonly name?: string;
  readonly internal?: boolean;
  readonly ipam?: { readonly config?: readonly { subnet?: string; ip_range?: string }[] };
}

const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  networks: Record<string, Network | null>;
};
const { services } = compose;
const service = (name: string): Service => {
  const found = services[name];
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`);
  return found;
};
const processes = { api: 'api', worker: 'worker', migrate: 'migrate' } as const satisfies Record<
  string,
  ProcessName
>;
const oneShots = ['migrate', 'temporal-schema', 'temporal-namespace'];

describe('docker-compose.yml', () => {
  test('keeps the compose specification (its JSON schema, Apache-2.0, is in test/support)', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    ajv
      .addFormat('duration', true)
      .addFormat('expose', true)
      .addFormat('ports', true)
      .addFormat('subnet_ip_address', true);
    const validate = ajv.compile(JSON.parse(read('test/support/compose-spec.json')) as object);
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('says of every value that has no default what it is, when it is missing', () => {
    const silent = [...text.matchAll(/(?<!\$)\$\{([A-Z_]+)([^}]*)\}/g)]
      .filter(([, , rest = '']) => !/^:[-?]./.test(rest))
      .map(([whole]) => whole);
    expect(silent).toEqual([]);
  });

  test('asks for what deploy/compose.env.example names, and for nothing else', () => {
    const asked = new Set([...text.matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map(([, name]) => name));
    const named = new Set(
      [...read('deploy/compose.env.example').matchAll(/^(?:# )?([A-Z_]+)=/gm)].map(
        ([, name]) => name,
      ),
    );
    expect([...asked].sort()).toEqual([...named].sort());
  });

  test('mounts only files that are in the tree', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    );
    expect(mounted.filter((path) => path.startsWith('./') && !exists(path))).toEqual([]);
  });

  test('lets nothing start before what it needs is there', () => {
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        expect({ name, condition }).toEqual({
          name,
          condition: oneShots.includes(name) ? 'service_completed_successfully' : 'service_healthy',
        });
        if (!oneShots.includes(name)) expect(service(name).healthcheck).toBeDefined();
      }
    }
  });

  test('runs two of each process that serves, and gives them time to finish', () => {
    for (const name of ['api', 'worker']) {
      expect(service(name).deploy?.replicas).toBe(2);
      expect(parseInt(service(name).stop_grace_period ?? '', 10)).toBeGreaterThan(20);
      expect(service(name).healthcheck).toBeDefined();
    }
  });

  test.each(Object.keys(processes))(
    'runs %s as no root, on a file system that cannot be written',
    (name) => {
      expect(service(name)).toMatchObject({ user: 'node', read_only: true, cap_drop: ['ALL'] });
    },
  );

  test.each(Object.entries(processes))(
    'gives %s what it needs and may have, and nothing else',
    (name, process) => {
      const given = Object.keys(service(name).environment ?? {});
      const known = variables as Readonly<Record<string, Variable>>;
      const may = (variable: string): boolean =>
        known[variable]?.only?.includes(process) ?? variable in known;
      expect(given.filter((variable) => !may(variable))).toEqual([]);
      const needed = (Object.keys(variables) as VariableName[]).filter(
        (variable) => known[variable]?.default === undefined && may(variable),
      );
      const required = process === 'migrate' ? ['DATABASE_OWNER_URL'] : needed;
      expect(required.filter((variable) => !given.includes(variable))).toEqual([]);
    },
  );

  test.each(['api', 'worker'])(
    'gives %s every variable of the connectors that its blueprints name',
    (name) => {
      const { environment = {}, volumes = [] } = service(name);
      const mounted = volumes.map((volume) => volume.split(':'));
      const [own = ''] =
        mounted.find(([, to]) => to === `${environment['CONNECTORS_DIR'] ?? ''}/blueprints.json`) ??
        [];
      // As in the container: the files of the image, and over them what is mounted.
      const dir = mkdtempSync(join(tmpdir(), 'usher-compose-'));
      cpSync(join(root, 'connectors'), dir, { recursive: true });
      writeFileSync(join(dir, 'blueprints.json'), read(own));
      // Whatever an operator fills in.
      const filled: Readonly<Record<string, string>> = {
        BACKEND_COMPAT_URL: 'https://backend.example',
        BACKEND_COMPAT_AUTH: 'api-key',
      };
      const env = Object.fromEntries(
        Object.keys(environment).map((variable) => [variable, filled[variable] ?? 'something']),
      );
      try {
        expect(inspectConnectors({ dir, env }).mistakes).toEqual([]);
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );

  test('lets only migrate, and the database that makes the role, know the owner of the schema', () => {
    const owners = Object.entries(services)
      .filter(([, { environment = {} }]) =>
        JSON.stringify(environment).includes('USHER_OWNER_PASSWORD'),
      )
      .map(([name]) => name);
    expect(owners.sort()).toEqual(['migrate', 'postgres']);
  });

  test('keeps databases and Temporal’s frontend off the host and off the outer network', () => {
    expect(compose.networks['back']).toMatchObject({ internal: true });
    for (const name of ['postgres', 'temporal', 'objects']) {
      const { networks = [] } = service(name);
      expect(Array.isArray(networks) ? networks : Object.keys(networks)).toEqual(['back']);
      expect(service(name).ports).toBeUndefined();
    }
  });

  test('lets services verify keys on a network that leads to the API alone, and not from outside', () => {
    expect(compose.networks['keys']).toMatchObject({ name: 'usher-keys', internal: true });
    const joined = Object.entries(services).filter(([, { networks = [] }]) =>
      (Array.isArray(networks) ? networks : Object.keys(networks)).includes('keys'),
    );
    expect(joined.map(([name]) => name)).toEqual(['api']);
    const port = service('api').environment?.['VERIFY_ADDR'] ?? '';
    expect(service('api').expose).toContain(port.replace(/^:/, ''));
    expect(read('deploy/nginx/nginx.conf')).not.toContain(port);
    expect(read('deploy/nginx/api-keys.conf')).toContain(`server usher${port};`);
  });

  test('verifies by address for nobody who comes through the public proxy', () => {
    expect(verifyPaths.get).toMatch(/^\/_internal\//);
    const proxy = read('deploy/nginx/nginx.conf');
    expect(proxy).toMatch(/location \/_internal\/ \{\s*return 404;\s*\}/);
    expect(proxy).toContain('proxy_set_header X-Real-IP $remote_addr;');
    // A service account may ask by POST from anywhere.
    expect(proxy).not.toMatch(/location[^{]*\/v1\/internal/);
  });

  test('keeps room for the fixed addresses that proxies are trusted by', () => {
    const [range] = compose.networks['keys']?.ipam?.config ?? [];
    const page = read('docs/VERIFICATION.md');
    const [, fixed = ''] = /ipv4_address: ([\d.]+)/.exec(page) ?? [];
    expect(addressSet([range?.subnet ?? ''])(fixed)).toBe(true);
    expect(addressSet([range?.ip_range ?? ''])(fixed)).toBe(false);
    const own = service('api').environment?.['TRUSTED_PROXIES']?.match(/[\d.]+/)?.[0] ?? '';
    expect(page).toContain(`TRUSTED_PROXIES=${own},${fixed}`);
  });

  test('gives the roles of the database the limits that laptops and tests run with', () => {
    const limits = [
      ...read('deploy/postgres/create-roles.sh').matchAll(
        /^alter role (\w+) set (\w+) = '(\w+)';$/gm,
      ),
    ].map(([, role, name, value]) => [role, name, value].join(' '));
    const own = Object.entries(roleTimeouts).flatMap(([role, timeouts]) =>
      Object.entries(timeouts).map(([name, value]) => `${role} ${name} ${value}`),
    );
    expect(limits.sort()).toEqual(own.sort());
  });

  test('has a Temporal that is 1.30.1 or newer and no auto-setup', () => {
    const [, major, minor, patch] =
      /temporalio\/server:\$\{\w+:-(\d+)\.(\d+)\.(\d+)\}/.exec(service('temporal').image ?? '') ??
      [];
    expect(Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch)).toBeGreaterThanOrEqual(
      1_030_001,
    );
    expect(text).not.toContain('auto-setup');
  });
});

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  test('has a glibc base, as Temporal’s native core needs', () => {
    expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:\d+-bookworm-slim$/m);
    expect(dockerfile).not.toMatch(/alpine/);
  });

  test('ends as an ordinary user, with a health check and Node itself as the command', () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(last).toMatch(/^USER node$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    expect(last).toMatch(/^CMD \["node", "dist\/src\/main\/api\.js"\]$/m);
  });

  test('copies only what is in the tree and passes .dockerignore', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)]
      .flatMap(([, list = '']) => list.split(' '))
      .filter((path) => path !== '.');
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect(
      copied.filter(
        (path) =>
          !exists(path) ||
          !allowed.some((folder) => path === folder || path.startsWith(`${folder}/`)),
      ),
    ).toEqual([]);
  });
});
