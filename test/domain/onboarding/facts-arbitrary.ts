import fc from 'fast-check';
import type { OnboardingFacts, StepRow } from '../../../src/domain/onboarding/view.rules';

const keys = ['sample.register', 'sample.add-token', 'sample.verify', 'sample.smoke'];
const states = [
  ...['invited', 'email_confirmed', 'workspace_registered', 'token_added', 'validated', 'active'],
  ...['failed', 'expired', 'revoked', 'declined', 'rolled_back', 'cancelled'],
] as const;
const provisioning: readonly string[] = [
  ...['email_confirmed', 'workspace_registered', 'token_added', 'validated'],
];

/** A step in any condition that a row can be in. */
export const anyStep = (key: string): fc.Arbitrary<StepRow> =>
  fc
    .record({
      status: fc.constantFrom('pending', 'parked', 'done', 'skipped', 'undone', 'left'),
      generation: fc.integer({ min: 1, max: 5 }),
      failures: fc.integer({ min: 0, max: 6 }),
      series: fc.integer({ min: 1, max: 5 }),
      inDoubt: fc.boolean(),
      begun: fc.boolean(),
      open: fc.constant(false),
      retryInMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40_000 })),
      undoFailures: fc.integer({ min: 0, max: 6 }),
    })
    .map((row) => ({
      ...row,
      key,
      connector: 'sample',
      step: key.split('.')[1] ?? '',
      // What was done was begun, and nothing about it is in doubt; who is parked waits for no timer.
      begun: row.begun || row.status === 'done' || row.status === 'left' || row.inDoubt,
      inDoubt: row.inDoubt && (row.status === 'pending' || row.status === 'parked'),
      retryInMs: row.status === 'parked' ? 0 : row.retryInMs,
      limitedMs: null,
      extract: {},
      undoGeneration: 1,
    }));

/** Rows of an onboarding as the guarded transitions can leave them: random, but each in itself consistent. */
export const anyFacts: fc.Arbitrary<OnboardingFacts> = fc
  .record({
    state: fc.constantFrom(...states),
    kind: fc.constantFrom('provision' as const, 'member' as const),
    steps: fc.tuple(...keys.map(anyStep)),
    stoodAt: fc.constantFrom('email_confirmed', 'workspace_registered', 'token_added', 'validated'),
    waiting: fc.boolean(),
    waitingMs: fc.integer({ min: 0, max: 2_000_000_000 }),
    remindersSent: fc.integer({ min: 0, max: 4 }),
    undoing: fc.boolean(),
    order: fc.boolean(),
    mailInMs: fc.option(fc.integer({ min: -100_000, max: 900_000 })),
    held: fc.boolean(),
    reminded: fc.boolean(),
    expiresInMs: fc.integer({ min: -1_000_000, max: 2_000_000_000 }),
    lifetimeHours: fc.integer({ min: 1, max: 720 }),
    given: fc.boolean(),
  })
  .map((random) => {
    const open = provisioning.includes(random.state) || random.state === 'failed';
    const accepted = open || ['active', 'rolled_back', 'cancelled'].includes(random.state);
    const undoing = random.undoing && open;
    // A failed onboarding waits for an order, unless it is being undone.
    const waitingFor =
      random.state === 'failed' && (!undoing || random.waiting)
        ? ('order' as const)
        : provisioning.includes(random.state) && random.waiting && !undoing
          ? ('customer' as const)
          : null;
    return {
      id: 'onboarding',
      inviteId: 'invite',
      tenantId: 'tenant',
      tenantSlug: 'acme',
      tenantName: 'Acme',
      tenantStatus: 'pending',
      userId: accepted ? 'user' : null,
      kind: accepted ? random.kind : null,
      state: random.state,
      stoodAt: random.state === 'failed' ? random.stoodAt : null,
      blueprint: 'default',
      number: 1,
      waitingFor,
      waitingMs: waitingFor ? random.waitingMs : 0,
      remindersSent: random.remindersSent,
      undoing,
      failedStep: random.state === 'failed' ? 'sample.register' : null,
      requestId: null,
      steps: accepted && random.kind === 'provision' ? random.steps : [],
      spreadsheetId: random.given ? 'sheet' : null,
      ownerEmail: null,
      wbTokenSecretId: random.given ? 'secret' : null,
      wbTokenFingerprint: null,
      queuedOrderId: random.order && open ? 'order' : null,
      mailInMs: random.mailInMs,
      invite: {
        email: 'anna@example.com',
        locale: 'en',
        held: random.held && random.state === 'invited',
        expiresInMs: random.expiresInMs,
        lifetimeMs: random.lifetimeHours * 3_600_000,
        reminded: random.reminded,
      },
    };
  });
