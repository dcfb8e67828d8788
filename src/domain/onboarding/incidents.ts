import type { z } from 'zod';
import type { Severity } from '../../contracts/rollout';
import { DomainError } from '../../errors/problems';
import { keysetParams, pageOf, positionOf } from '../../platform/cursors';
import type { Keyset, Page } from '../../platform/cursors';
import type { Tx } from '../../platform/db';
import { newId } from '../../platform/ids';
import * as audit from '../audit/audit-entries';
import type { RequestSource } from '../identity/callers';

/** Something that went wrong; an open critical one fails the roll-out gate. */
export interface Incident {
  readonly id: string;
  readonly title: string;
  readonly severity: z.output<typeof Severity>;
  readonly openedBy: string;
  readonly openedAt: Date;
  readonly closedBy: string | null;
  readonly closedAt: Date | null;
  readonly note: string | null;
}

/** Which incidents a list shows. */
export interface IncidentFilter {
  readonly open?: boolean | undefined;
  readonly severity?: Incident['severity'] | undefined;
}

const columns = `id, title, severity, opened_by as "openedBy", opened_at as "openedAt", closed_by as "closedBy",
  closed_at as "closedAt", note`;

/** Incidents, newest first. */
export async function listIncidents(
  tx: Tx,
  filter: IncidentFilter,
  keyset: Keyset,
): Promise<Page<Incident>> {
  const rows = await tx.rows<Incident & { position_at: string }>(
    `select ${columns}, ${positionOf('opened_at')} from incidents
     where ($1::timestamptz is null or (opened_at, id) < ($1::timestamptz, $2::uuid))
       and ($4::boolean is null or (closed_at is null) = $4)
       and ($5::text is null or severity = $5)
     order by opened_at desc, id desc limit $3`,
    [...keysetParams(keyset), filter.open ?? null, filter.severity ?? null],
  );
  return pageOf(rows, keyset, (row) => row.id);
}

/** Opens an incident. */
export async function openIncident(
  tx: Tx,
  input: Pick<Incident, 'title' | 'severity'> & {
    readonly note: string | null;
    readonly actorId: string;
    readonly source: RequestSource;
  },
): Promise<Incident> {
  const incident = await tx.one<Incident>(
    `insert into incidents (id, title, severity, opened_by, note) values ($1, $2, $3, $4, $5)
     returning ${columns}`,
    [newId(), input.title, input.severity, input.actorId, input.note],
  );
  await audit.append(tx, {
    action: 'incident.opened',
    crud: 'c',
    actorId: input.actorId,
    targets: [{ type: 'incident', id: incident.id }],
    metadata: { severity: incident.severity },
    sourceIp: input.source.ip,
    userAgent: input.source.userAgent,
  });
  return incident;
}

/**
 * Closes an incident. One that is closed already stays as it was: the first close counts.
 * @throws DomainError `incident-not-found`
 */
export async function closeIncident(
  tx: Tx,
  id: string,
  input: {
    readonly note: string | null;
    readonly actorId: string;
    readonly source: RequestSource;
  },
): Promise<Incident> {
  const closed = await tx.maybe<Incident>(
    `update incidents set closed_at = now(), closed_by = $2,
       note = case when $3::text is null then note when note is null then $3 else note || E'\\n' || $3 end
     where id = $1 and closed_at is null returning ${columns}`,
    [id, input.actorId, input.note],
  );
  if (!closed) {
    const before = await tx.maybe<Incident>(`select ${columns} from incidents where id = $1`, [id]);
    if (!before) throw new DomainError('incident-not-found');
    return before;
  }
  await audit.append(tx, {
    action: 'incident.closed',
    crud: 'u',
    actorId: input.actorId,
    targets: [{ type: 'incident', id }],
    metadata: { severity: closed.severity },
    sourceIp: input.source.ip,
    userAgent: input.source.userAgent,
  });
  return closed;
}
