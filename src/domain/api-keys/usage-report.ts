import type { Tx } from '../../platform/db';
import { getApiKey } from './api-keys';
import type { ApiKey } from './api-keys';

/** The use of a key on one day (UTC). */
export interface UsageDay {
  /** `YYYY-MM-DD` */
  readonly day: string;
  /** Verifications that let it pass. */
  readonly requests: number;
  readonly cost: number;
  /** Verifications by their code. */
  readonly codes: Readonly<Record<string, number>>;
}

/** The use of a key. */
export interface UsageReport {
  readonly key: ApiKey;
  readonly requests: number;
  readonly lastIp: string | null;
  /** Units that the whole family has used of its limit. */
  readonly familyCost: number;
  /** Newest first; days without any use are left out. */
  readonly days: readonly UsageDay[];
}

/**
 * The use of a key on its last days. What the API processes have counted within the last second or so is not in yet.
 * @throws DomainError `api-key-not-found`
 */
export async function usageOf(tx: Tx, keyId: string, days: number): Promise<UsageReport> {
  const key = await getApiKey(tx, keyId);
  const totals = await tx.maybe<{ requests: number; last_ip: string | null }>(
    'select requests, host(last_ip) as last_ip from api_key_usage where key_id = $1',
    [keyId],
  );
  const family = await tx.maybe<{ cost: number }>(
    'select cost from api_key_usage where key_id = $1',
    [key.familyId],
  );
  const rows = await tx.rows<UsageDay>(
    `with today as (select (now() at time zone 'utc')::date as day),
     parts as (
       select day, code, requests, cost from api_key_usage_days where key_id = $1
       union all
       select day, 'VALID', day_requests, day_cost from api_key_usage where key_id = $1 and day is not null
     )
     select to_char(p.day, 'YYYY-MM-DD') as day, coalesce(sum(p.requests) filter (where p.code = 'VALID'), 0)::bigint as requests,
       sum(p.cost)::bigint as cost, jsonb_object_agg(p.code, p.requests) as codes
     from (select day, code, sum(requests)::bigint as requests, sum(cost)::bigint as cost
           from parts group by day, code) as p, today
     where p.day > today.day - $2::int
     group by p.day order by p.day desc`,
    [keyId, days],
  );
  return {
    key,
    requests: totals?.requests ?? 0,
    lastIp: totals?.last_ip ?? null,
    familyCost: family?.cost ?? 0,
    days: rows,
  };
}
