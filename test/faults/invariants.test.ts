import type { Evidence } from './evidence';
import { judge, judgeParked } from './invariants';

const call = (step: string, generation: number, status: number | null) => ({
  ...{ onboardingId: 'o', step, path: '/', status },
  key: `o:${step}:${String(generation)}`,
});

/** A customer who came to the end as they should, with one mail that went out twice. */
const fine: Evidence = {
  customer: {
    ...{ story: 's', inviteId: 'i', clientId: 'c', jobId: 'o', token: 't' },
    ...{ email: 'anna@customers.example.com', spreadsheetId: 'sheet' },
  },
  row: {
    ...{ id: 'o', state: 'active', problem: null, waiting_for: null, tenant: 'active' },
    ...{ invites: 1, users: 1, memberships: 1, queued: 0, sealed: 0, told: 0 },
    counts: {
      'invite.created': 1,
      'onboarding.started.v1': 1,
      'invite.accepted': 1,
      'tenant.activated': 1,
      'onboarding.active.v1': 1,
    },
  },
  attempts: [],
  mails: [
    { kind: 'invite', status: 'sent', copies: 2 },
    { kind: 'welcome', status: 'uncertain', copies: 0 },
  ],
  object: {
    ...{ spreadsheet_id: 'sheet', owner_email: null, is_active: true },
    ...{ registered: 2, deleted: 0, updates: 1, tokens: [{ sid: 'x', added: 1 }] },
  },
  calls: [
    call('register', 1, 200),
    call('register', 1, null),
    call('smoke', 1, 400),
    call('smoke', 2, 200),
  ],
  run: 'COMPLETED',
};

const row = (changes: Partial<NonNullable<Evidence['row']>>): Partial<Evidence> => ({
  row: { ...fine.row!, ...changes },
});
const counted = (name: string, n: number): Partial<Evidence> =>
  row({ counts: { ...fine.row!.counts, [name]: n } });
const object = (changes: Partial<NonNullable<Evidence['object']>>): Partial<Evidence> => ({
  object: { ...fine.object!, ...changes },
});
const mails = (...changed: Evidence['mails']): Partial<Evidence> => ({
  mails: [
    ...changed,
    ...fine.mails.filter(({ kind }) => !changed.some((one) => one.kind === kind)),
  ],
});

describe('the judge of the fault harness', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(judge(fine)).toMatchObject({ state: 'active', lost: [], doubled: [] });
  });

  it.each<[string, Partial<Evidence>]>([
    ['the onboarding', { row: undefined }],
    ['it rests as token_added', row({ state: 'token_added' })],
    ['it rests as failed', row({ state: 'failed', waiting_for: 'order' })],
    ['its order was never applied', row({ queued: 1 })],
    ['the erasure of a token whose mail is done with', row({ sealed: 1 })],
    ['user', row({ users: 0 })],
    ['membership', row({ memberships: 0 })],
    ['its tenant is pending', row({ tenant: 'pending' })],
    ['invite.accepted', counted('invite.accepted', 0)],
    ['onboarding.active.v1', counted('onboarding.active.v1', 0)],
    ['its workflow is RUNNING', { run: 'RUNNING' }],
    ['its workflow is FAILED', { run: 'FAILED' }],
    ['registration at the backend', object({ registered: 1 })],
    ['token at the backend', object({ tokens: [] })],
    ['the first update at the backend', object({ updates: 0 })],
    ['the object at the backend', object({ is_active: false })],
    ['welcome mail', { mails: fine.mails.filter(({ kind }) => kind === 'invite') }],
    ['welcome mail, said to be sent', mails({ kind: 'welcome', status: 'sent', copies: 0 })],
    ['welcome mail, still sending', mails({ kind: 'welcome', status: 'sending', copies: 1 })],
    ['welcome mail, bounced', mails({ kind: 'welcome', status: 'bounced', copies: 0 })],
    ['welcome mail, dropped', mails({ kind: 'welcome', status: 'dropped', copies: 0 })],
    [
      'the deletion at the backend',
      { ...row({ state: 'rolled_back' }), customer: { ...fine.customer, ends: 'rolled_back' } },
    ],
  ])('reports as lost: %s', (finding, change) => {
    expect(judge({ ...fine, ...change }).lost).toContain(finding);
  });

  it.each<[string, Partial<Evidence>]>([
    ['invite, 2 times', row({ invites: 2 })],
    ['user, 2 times', row({ users: 2 })],
    ['membership, 2 times', row({ memberships: 2 })],
    ['invite.accepted, 2 times', counted('invite.accepted', 2)],
    ['tenant.activated, 2 times', counted('tenant.activated', 2)],
    ['registration at the backend, 3 times', object({ registered: 3 })],
    ['token at the backend, 2 times', object({ tokens: [{ sid: 'x', added: 2 }] })],
    ['welcome mail, 3 copies', mails({ kind: 'welcome', status: 'sent', copies: 3 })],
    [
      'the Idempotency-Key of register, 2 of them',
      { calls: [call('register', 1, null), call('register', 2, 200)] },
    ],
    [
      'membership, 1 times',
      { ...row({ state: 'rolled_back' }), customer: { ...fine.customer, ends: 'rolled_back' } },
    ],
  ])('reports as doubled: %s', (finding, change) => {
    expect(judge({ ...fine, ...change }).doubled).toContain(finding);
  });

  it('takes a park only from who shall park, for the reason that was brought about and told', () => {
    const parked: Evidence = {
      ...fine,
      ...row({ state: 'failed', waiting_for: 'order', problem: 'backend-unavailable', told: 1 }),
      customer: { ...fine.customer, parks: 'backend-unavailable' },
      attempts: [{ outcome: 'transient', problem: 'backend-unavailable' }],
    };
    expect(judgeParked(parked)).toEqual([]);
    expect(judgeParked({ ...parked, customer: fine.customer })).toEqual([
      'it parked for backend-unavailable',
    ]);
    expect(
      judgeParked({ ...parked, customer: { ...fine.customer, parks: 'backend-timeout' } }),
    ).toEqual(['it parked for backend-unavailable, not backend-timeout']);
    expect(
      judgeParked({ ...parked, attempts: [{ outcome: 'uncertain', problem: 'backend-timeout' }] }),
    ).toEqual(['it parked for backend-unavailable, its last attempt: backend-timeout']);
    expect(judgeParked({ ...parked, row: { ...parked.row!, told: 0 } })).toEqual([
      'it parked and nobody told the operators',
    ]);
  });
});
