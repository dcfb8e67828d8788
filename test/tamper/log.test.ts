import { verifyLog } from '../../src/domain/audit/verify/verify-log';
import type { Verdict } from '../../src/domain/audit/verify/verify-log';
import type { AuditDatabase } from '../domain/audit/audit-database';
import { logCases } from './log-cases';
import { noteFinding } from './table';
import { makeTamperWorld } from './world';
import type { TamperWorld } from './world';

let world: TamperWorld;
beforeAll(async () => {
  world = await makeTamperWorld();
}, 120_000);
afterAll(() => world.close());

const verify = (log: AuditDatabase): Promise<Verdict> =>
  verifyLog(log.app, { trusted: [world.vkey], store: world.store });

test('an honest log is not blamed', async () => {
  const log = await world.copy();
  const verdict = await verify(log);
  await log.close();
  expect(verdict).toMatchObject({
    ok: true,
    breaks: [],
    verified: 600,
    checkpoints: 2,
    attested: 600,
  });
});

test.each(logCases.map((one) => [one.name, one] as const))(
  'who would %s is found out, where and how',
  async (name, { kind, at, of, tamper }) => {
    const log = await world.copy(of);
    try {
      await tamper(log, world);
      const verdict = await verify(log);
      const found = verdict.breaks.find((one) => one.kind === kind && one.seq === at);
      noteFinding({ name, kind, at, found: verdict.break });
      expect([verdict.ok, verdict.break?.seq, found?.kind ?? verdict.breaks]).toEqual([
        false,
        at,
        kind,
      ]);
    } finally {
      world.server.faults.set([]);
      await log.close();
    }
  },
);

test('where the beginning is not looked at, as when it is archived, ends of tenants are compared too', async () => {
  const log = await world.copy();
  const verifyEnd = () => verifyLog(log.app, { from: 301, trusted: [world.vkey] });
  expect(await verifyEnd()).toMatchObject({ ok: true, verified: 300 });
  await log.sql(
    `update audit_tenant_heads set tenant_seq = tenant_seq + 1
     where last_seq = (select max(last_seq) from audit_tenant_heads)`,
  );
  expect(await verifyEnd()).toMatchObject({ ok: false, break: { kind: 'tenant-gap' } });
  await log.close();
});
