import { Client } from 'pg';

// Each entry once, wherever it is at the moment, with its personal data put back: what a test asks of the audit log
// does not depend on whether a sequencer runs beside it.
const view = `
  create view audit_trail as
  with entries as (
    select l.seq, 0::bigint as pid, l.kind, l.leaf::jsonb -> 'core' as core,
      (select jsonb_object_agg(p.part, p.body::jsonb) from audit_pii as p where p.seq = l.seq) as parts
    from audit_log as l
    union all
    select 9007199254740991, pid, kind, core::jsonb,
      (select jsonb_object_agg(u.part, u.body::jsonb) from unnest(parts, part_bodies) as u(part, body))
    from audit_pending
  )
  select row_number() over (order by seq, pid) as seq, kind, core ->> 'action' as action, core ->> 'crud' as crud,
    core ->> 'outcome' as outcome, (core ->> 'tenant_id')::uuid as tenant_id, (core ->> 'partner_id')::uuid as partner_id,
    core #>> '{actor,id}' as actor_id,
    (select coalesce(jsonb_agg(t || coalesce(parts -> ('targets.' || n - 1), '{}') order by n), '[]')
      from jsonb_array_elements(core -> 'targets') with ordinality as u(t, n)) as targets,
    parts #>> '{free,description}' as description, coalesce(core -> 'metadata', '{}') as metadata,
    parts #> '{free,metadata}' as unlisted, (parts #>> '{context,ip}')::inet as source_ip,
    parts #>> '{context,ua}' as user_agent, core ->> 'component' as component, core ->> 'request_id' as request_id,
    core ->> 'via' as via
  from entries`;

/** Lets tests read the whole audit log as one table, `audit_trail`, in any transaction; Usher has no such thing. */
export async function addAuditTrail(superUrl: string, database: string): Promise<void> {
  const url = new URL(superUrl);
  url.pathname = database;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`${view}; grant select on audit_trail to usher_app`);
  } finally {
    await client.end();
  }
}
