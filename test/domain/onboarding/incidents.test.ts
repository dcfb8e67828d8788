import {
  closeIncident,
  listIncidents,
  openIncident,
} from '../../../src/domain/onboarding/incidents';
import { createDatabase, withOperator } from '../../../src/platform/db';
import type { Database, Tx } from '../../../src/platform/db';
import { newId } from '../../../src/platform/ids';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

const source = { ip: null, userAgent: null };
let home: TestDatabase;
let db: Database;
const act = <T>(fn: (tx: Tx) => Promise<T>): Promise<T> => withOperator(db, 'user:op', fn);
const open = (severity: 'minor' | 'critical', note: string | null = null) =>
  act((tx) =>
    openIncident(tx, { title: 'Backend down', severity, note, actorId: 'user:op', source }),
  );

beforeAll(async () => {
  home = await createTestDatabase();
  db = createDatabase({ url: home.appUrl, applicationName: 'incidents-test', max: 2 });
});

afterAll(async () => {
  await db.close();
  await home.drop();
});

describe('incidents', () => {
  it('are listed newest first, open or closed, by severity', async () => {
    const [a, b, c] = [await open('critical'), await open('minor'), await open('critical')];
    await act((tx) => closeIncident(tx, b.id, { note: null, actorId: 'user:op', source }));
    const list = async (filter: Parameters<typeof listIncidents>[1], limit = 10) =>
      (await act((tx) => listIncidents(tx, filter, { limit, after: null }))).items.map(
        ({ id }) => id,
      );
    expect(await list({})).toEqual([c.id, b.id, a.id]);
    expect(await list({ open: true })).toEqual([c.id, a.id]);
    expect(await list({ open: false })).toEqual([b.id]);
    expect(await list({ severity: 'minor' })).toEqual([b.id]);
    const page = await act((tx) => listIncidents(tx, {}, { limit: 1, after: null }));
    const rest = await act((tx) => listIncidents(tx, {}, { limit: 10, after: page.next }));
    expect(rest.items.map(({ id }) => id)).toEqual([b.id, a.id]);
  });

  it('are closed once: a second close changes nothing and is not audited again', async () => {
    const { id } = await open('critical', 'first');
    const closed = await act((tx) =>
      closeIncident(tx, id, { note: 'cable was out', actorId: 'user:a', source }),
    );
    expect(closed).toMatchObject({ closedBy: 'user:a', note: 'first\ncable was out' });
    const again = await act((tx) =>
      closeIncident(tx, id, { note: 'other', actorId: 'user:b', source }),
    );
    expect(again).toEqual(closed);
    const entries = await act((tx) =>
      tx.rows<{ action: string }>(
        `select action from audit_trail where targets @> jsonb_build_array(jsonb_build_object('id', $1::text)) order by seq`,
        [id],
      ),
    );
    expect(entries.map(({ action }) => action)).toEqual(['incident.opened', 'incident.closed']);
  });

  it('are not found by an id that none has', async () => {
    await expect(
      act((tx) => closeIncident(tx, newId(), { note: null, actorId: 'user:a', source })),
    ).rejects.toMatchObject({ code: 'incident-not-found' });
  });
});
