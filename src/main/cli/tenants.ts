import { TenantStatus } from '../../contracts/registry';
import { openApi, throughApi } from './api-client';
import { UsageError } from './command';
import type { CliIo, Command, Input, Option } from './command';
import { limitOf } from './limits';
import { nearest } from './suggest';
import { fields, moment, table } from './table';

type Answer = Readonly<Record<string, unknown>>;

const json: Option = { about: 'Print JSON' };
const which = [{ name: 'TENANT', about: 'Slug, former slug or id', required: true }] as const;

const text = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null;
const time = (value: unknown): string => moment(typeof value === 'string' ? new Date(value) : null);
const pathOf = (input: Input): string => `/tenants/${encodeURIComponent(input.args[0] ?? '')}`;

/** Lists tenants. */
const listTenants: Command = {
  name: 'tenant list',
  summary: 'List tenants, newest first, with how many there are in each status',
  args: [{ name: 'SEARCH', about: 'Part of a slug, name or domain, or an id' }],
  options: {
    status: { value: 'STATUS', about: `Only this status: ${TenantStatus.options.join(', ')}` },
    plan: { value: 'PLAN', about: 'Only this plan' },
    partner: { value: 'PARTNER', about: 'Only of this partner, by slug or id' },
    provisioning: { value: 'STATE', about: 'Only these: none, pending, ready, error' },
    limit: { value: 'N', about: 'At most so many, up to 100; default 50' },
    json,
  },
  notes: [throughApi],
  examples: ['--status suspended', '--provisioning error', 'acme'],
  async run(input, io) {
    const query = new URLSearchParams({ limit: String(limitOf(input, 'limit', 50, 1, 100)) });
    for (const name of ['status', 'plan', 'partner', 'provisioning']) {
      const value = input.text(name);
      if (value !== undefined) query.set(name, value);
    }
    requireStatus(input.text('status'));
    if (input.args[0] !== undefined) query.set('q', input.args[0]);
    const answer = await openApi(io).get(`/tenants?${query.toString()}`);
    if (input.has('json')) io.out(JSON.stringify(answer));
    else tellList(io, answer);
    return 0;
  },
};

function requireStatus(status: string | undefined): void {
  const known: readonly string[] = TenantStatus.options;
  if (status === undefined || known.includes(status)) return;
  const guess = nearest(status, known);
  throw new UsageError(`${status} is no status${guess ? `; did you mean ${guess}?` : ''}`);
}

function tellList(io: CliIo, answer: Answer): void {
  const tenants = answer['items'] as Answer[];
  const rows = tenants.map((tenant) => [
    text(tenant['slug']),
    text(tenant['status']),
    text(tenant['plan']),
    text(tenant['partner_slug']),
    text(tenant['provisioning']),
    text(tenant['users']),
    time(tenant['created_at']),
    text(tenant['name']),
  ]);
  const headings = ['SLUG', 'STATUS', 'PLAN', 'PARTNER', 'PROVISIONED', 'USERS', 'CREATED', 'NAME'];
  io.out(rows.length === 0 ? 'No tenant matches.' : table(headings, rows));
  const counts = Object.entries(answer['counts'] as Record<string, number>);
  io.out(`\n${counts.map(([status, n]) => `${String(n)} ${status}`).join(', ') || 'none'}`);
  if (answer['next_cursor'] !== null) io.out('More follow: narrow the search, or use the API.');
}

/** Shows one tenant. */
const showTenant: Command = {
  name: 'tenant show',
  summary: 'Show a tenant',
  args: which,
  options: { json },
  notes: [throughApi],
  async run(input, io) {
    const tenant = await openApi(io).get(pathOf(input));
    if (input.has('json')) io.out(JSON.stringify(tenant));
    else io.out(described(tenant));
    return 0;
  },
};

function described(tenant: Answer): string {
  const suspended = tenant['suspended'] as Answer | null;
  const deleted = tenant['deleted'] as Answer | null;
  const purge = tenant['purge'] as Answer | null;
  const problem = purge?.['problem'] as Answer | null | undefined;
  return fields([
    ['id', text(tenant['id'])],
    ['slug', text(tenant['slug'])],
    ['name', text(tenant['name'])],
    ['status', text(tenant['status'])],
    ['plan', text(tenant['plan'])],
    ['kind', text(tenant['kind'])],
    ['partner', text(tenant['partner_slug'])],
    ['provisioned', text(tenant['provisioning'])],
    ['users', text(tenant['users'])],
    ['trial ends', time(tenant['trial_ends_at'])],
    ['activated', time(tenant['activated_at'])],
    ...(suspended
      ? ([
          ['suspended', `${time(suspended['at'])} by ${String(suspended['by'])}`],
          ['because', text(suspended['reason'])],
          ['before that', text(suspended['former_status'])],
        ] as const)
      : []),
    ...(deleted
      ? ([
          ['deleted', `${time(deleted['at'])} by ${String(deleted['by'])}`],
          ['purged at', time(deleted['purge_at'])],
        ] as const)
      : []),
    ...(purge ? ([['purge', text(purge['state'])]] as const) : []),
    ...(problem ? ([['what to do', text(problem['next'])]] as const) : []),
    ['version', text(tenant['version'])],
  ]);
}

/** Creates a tenant. */
const createTenant: Command = {
  name: 'tenant create',
  summary: 'Create a tenant, on trial',
  options: {
    slug: { value: 'SLUG', about: '3 to 40 of a-z, 0-9 and inner hyphens', required: true },
    name: { value: 'NAME', about: 'Name of the company', required: true },
    plan: { value: 'PLAN', about: 'Plan; default starter' },
    kind: { value: 'KIND', about: 'customer (default), pilot or internal' },
    'partner-id': { value: 'ID', about: 'The partner who sold it' },
    'trial-days': { value: 'N', about: 'Days that the trial lasts; default 14' },
    json,
  },
  notes: [throughApi],
  examples: ["--slug acme-trading --name 'Acme Trading' --plan scale"],
  async run(input, io) {
    const given = (option: string, field: string): Record<string, string> => {
      const value = input.text(option);
      return value === undefined ? {} : { [field]: value };
    };
    const tenant = await openApi(io).post('/v1/tenants', {
      slug: input.given('slug'),
      name: input.given('name'),
      ...given('plan', 'plan'),
      ...given('kind', 'kind'),
      ...given('partner-id', 'partner_id'),
      ...(input.has('trial-days') ? { trial_days: limitOf(input, 'trial-days', 14, 1, 365) } : {}),
    });
    tell(input, io, tenant);
    return 0;
  },
};

function tell(input: Input, io: CliIo, tenant: Answer): void {
  if (input.has('json')) io.out(JSON.stringify(tenant));
  else
    io.out(`${String(tenant['slug'])} is ${String(tenant['status'])} (${String(tenant['id'])}).`);
}

function move(
  verb: string,
  summary: string,
  how: { readonly reason: 'required' | 'optional'; readonly notes?: readonly string[] },
): Command {
  const about = 'Why; kept in the audit log';
  return {
    name: `tenant ${verb}`,
    summary,
    args: which,
    options: {
      reason: { value: 'TEXT', about, ...(how.reason === 'required' ? { required: true } : {}) },
      json,
    },
    notes: [...(how.notes ?? []), throughApi],
    async run(input, io) {
      const api = openApi(io);
      const reason = input.text('reason');
      const body = reason === undefined ? {} : { reason };
      const tenant =
        verb === 'delete'
          ? await api.delete(pathOf(input), body)
          : await api.post(`${pathOf(input)}/${verb}`, body);
      tell(input, io, tenant);
      return 0;
    },
  };
}

function registryMove(verb: 'activate' | 'cancel', summary: string): Command {
  return {
    name: `tenant ${verb}`,
    summary,
    args: which,
    options: { json },
    notes: [throughApi],
    async run(input, io) {
      const api = openApi(io);
      const { id } = await api.get(pathOf(input));
      tell(input, io, await api.post(`/v1/tenants/${String(id)}/${verb}`, {}));
      return 0;
    },
  };
}

/** Has the resources of a tenant compared with what it should have. */
const reconcileTenant: Command = {
  name: 'tenant reconcile',
  summary: 'Compare what a tenant has at its backends with what it should have',
  args: which,
  options: { json },
  notes: [throughApi],
  async run(input, io) {
    const answer = await openApi(io).post(`${pathOf(input)}/reconcile`, {});
    if (input.has('json')) io.out(JSON.stringify(answer));
    else io.out(`The comparison is under way; see: usher tenant show ${input.args[0] ?? ''}`);
    return 0;
  },
};

/** Tenants from the command line. */
export const tenantCommands: readonly Command[] = [
  listTenants,
  showTenant,
  createTenant,
  registryMove('activate', 'Make a trial an active tenant'),
  registryMove('cancel', 'Freeze an active tenant; its data are kept, its keys are refused'),
  move('suspend', 'Close a tenant at once: keys, sessions, mails, onboardings', {
    reason: 'required',
  }),
  move('resume', 'Lift a suspension, and nothing but it', { reason: 'optional' }),
  move('archive', 'Archive a frozen tenant', { reason: 'optional' }),
  move('delete', 'Delete a tenant; it can be restored for 30 days, then it is purged', {
    reason: 'optional',
  }),
  move('restore', 'Make a frozen or archived tenant active, or a deleted one what it was', {
    reason: 'optional',
  }),
  move('purge', 'Export a deleted tenant, then delete all it has for good', {
    reason: 'required',
    notes: ['Needs a key that holds tenants:purge by name. Also tries a blocked purge again.'],
  }),
  reconcileTenant,
];
