import type { TenantStatus } from '../../contracts/registry';

/** Every status of a tenant, in the order of a tenant's life. */
export const tenantStatuses = [
  'pending',
  'trial',
  'active',
  'suspended',
  'frozen',
  'archived',
  'deleted',
  'purging',
] as const satisfies readonly TenantStatus[];

/** What moves a tenant from one status to another. */
export type TenantAction =
  /** The activation of its onboarding, which a trial outlives. */
  | 'provision'
  | 'activate'
  | 'cancel'
  | 'end-trial'
  | 'suspend'
  | 'resume'
  | 'archive'
  | 'delete'
  | 'restore'
  | 'purge';

/** Where a tenant stands, with what a suspension and a deletion remember. */
export interface Standing {
  readonly status: TenantStatus;
  /** The status that a suspension returns to. */
  readonly formerStatus: TenantStatus | null;
  /** The status that a restore of a deleted tenant returns to. */
  readonly deletedFrom: TenantStatus | null;
}

type Target = TenantStatus | 'former' | 'deleted-from';

const always = (to: Target, from: readonly TenantStatus[]): Partial<Record<TenantStatus, Target>> =>
  Object.fromEntries(from.map((status) => [status, to]));

const table: Readonly<Record<TenantAction, Partial<Record<TenantStatus, Target>>>> = {
  provision: { pending: 'active', trial: 'trial', active: 'active' },
  activate: { trial: 'active' },
  cancel: { active: 'frozen' },
  'end-trial': { trial: 'frozen' },
  suspend: always('suspended', ['pending', 'trial', 'active']),
  resume: { suspended: 'former' },
  archive: { frozen: 'archived' },
  delete: always(
    'deleted',
    tenantStatuses.filter((status) => status !== 'purging'),
  ),
  restore: { frozen: 'active', archived: 'active', deleted: 'deleted-from' },
  purge: { deleted: 'purging' },
};

/** The status that an action aims at, for the answer that refuses it. */
const aims: Readonly<Record<TenantAction, TenantStatus>> = {
  provision: 'active',
  activate: 'active',
  cancel: 'frozen',
  'end-trial': 'frozen',
  suspend: 'suspended',
  resume: 'active',
  archive: 'archived',
  delete: 'deleted',
  restore: 'active',
  purge: 'purging',
};

/** The status that an action leads to from where a tenant stands; undefined when it is not possible there. */
export function targetOf(standing: Standing, action: TenantAction): TenantStatus | undefined {
  const target = table[action][standing.status];
  if (target === 'former') return standing.formerStatus ?? undefined;
  if (target === 'deleted-from') return standing.deletedFrom ?? undefined;
  return target;
}

/** What a refused action wanted to come to. */
export function aimOf(standing: Standing, action: TenantAction): TenantStatus {
  return (action === 'resume' ? standing.formerStatus : null) ?? aims[action];
}

/** Statuses in which keys verify and backends are looked after. */
export const servingStatuses: readonly TenantStatus[] = ['trial', 'active'];

/** Statuses in which people join and work. */
export const openStatuses: readonly TenantStatus[] = ['pending', ...servingStatuses];
