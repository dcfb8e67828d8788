import { Client } from 'pg';
import type { TestApp } from '../support/test-app';
import { quietColumns, quietSecretsOf, quietStatements, quietTables } from './quiet';

/** A transaction that changed state and told nobody. */
export interface Silent {
  /** `<operation> <table> (<columns>)`, each once. */
  readonly writes: readonly string[];
  readonly process: string;
  /** The first statement that wrote. */
  readonly statement: string;
}

/** Looks into every transaction of a database. */
export interface WriteWatch {
  /** Transactions since the last call that changed state without an audit entry; those of tests aside. */
  silent(): Promise<Silent[]>;
  /** How many transactions have changed state since the watch began, told or not. */
  changes(): Promise<number>;
  stop(): Promise<void>;
}

// Statement by statement would be cheaper, but an update that changes nothing but quiet columns must not count.
const machinery = `
  create schema walk;
  create table walk.writes (xid xid8 not null, write text not null, process text not null, statement text not null,
    id bigserial primary key);
  create table walk.told (xid xid8 not null);
  create index on walk.told (xid);
  create function walk.note_write() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
    declare changed text[];
    begin
      if tg_table_name = 'secrets'
        and to_jsonb(coalesce(new, old)) ->> 'owner_table' = any('{${quietSecretsOf.join(',')}}') then return null; end if;
      if tg_op = 'UPDATE' then
        select array_agg(n.key order by n.key) into changed
        from jsonb_each(to_jsonb(new)) as n join jsonb_each(to_jsonb(old)) as o using (key)
        where n.value is distinct from o.value and n.key <> all(tg_argv::text[]);
        if changed is null then return null; end if;
      end if;
      insert into walk.writes (xid, write, process, statement)
      values (pg_current_xact_id(), lower(tg_op) || ' ' || tg_table_name || coalesce(' (' || array_to_string(changed, ', ') || ')', ''),
        current_setting('application_name'), left(current_query(), 300));
      return null;
    end $$;
  create function walk.note_told() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
    begin
      insert into walk.told values (pg_current_xact_id());
      return null;
    end $$;
  create function walk.begins(text, text[]) returns boolean language sql immutable
    return exists (select from unnest($2) as p where starts_with($1, p));
  create trigger walk_told after insert on public.audit_pending for each row execute function walk.note_told();`;

/** Begins to watch: each row of a table that is not quiet is looked at before and after. */
export async function watchWrites({ database }: Pick<TestApp, 'database'>): Promise<WriteWatch> {
  const client = new Client({ connectionString: database.superUrl });
  await client.connect();
  await client.query(machinery);
  const { rows: tables } = await client.query<{ name: string }>(
    `select c.relname as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname not like 'knex\\_%'`,
  );
  for (const { name } of tables) {
    if (name in quietTables) continue;
    const quiet = [...(quietColumns['*'] ?? []), ...(quietColumns[name] ?? [])];
    await client.query(
      `create trigger walk_write after insert or update or delete on public.${name} for each row
       execute function walk.note_write(${quiet.map((column) => `'${column}'`).join(', ')})`,
    );
  }
  let seen = '0';
  return {
    async silent() {
      const { rows } = await client.query<Silent & { last: string }>(
        `select array_agg(distinct write) as writes, min(process) as process, max(id) as last,
           (array_agg(statement order by id))[1] as statement
         from walk.writes as w
         where id > $1 and not exists (select from walk.told as t where t.xid = w.xid)
           and not walk.begins(statement, $2) and process like 'usher%'
         group by xid order by last`,
        [seen, Object.keys(quietStatements)],
      );
      seen = rows.at(-1)?.last ?? seen;
      return rows.map(({ writes, process, statement }) => ({ writes, process, statement }));
    },
    async changes() {
      const { rows } = await client.query<{ n: number }>(
        'select count(distinct xid)::int as n from walk.writes',
      );
      return rows[0]?.n ?? 0;
    },
    stop: () => client.end(),
  };
}
