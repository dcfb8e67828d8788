import { ServiceError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { createDeliver } from '../../src/main/deliver';

/** Delivers to a Temporal that refuses every call with this gRPC status. */
function refused(code: number, details: string): ReturnType<ReturnType<typeof createDeliver>> {
  const cause = Object.assign(new Error(`${String(code)} ${details}`), {
    code,
    details,
    metadata: {},
  });
  const client = {
    connection: { withDeadline: (_: number, fn: () => unknown) => fn() },
    workflow: {
      signalWithStart: () => Promise.reject(new ServiceError('Failed to signal', { cause })),
    },
  } as unknown as Client;
  return createDeliver(
    client,
    'usher',
  )({
    id: 'one',
    workflowType: 'onboardTenant',
    workflowId: 'onboarding/one',
    input: {},
    requestId: null,
    attempts: 0,
  });
}

test('a wake-up that the server can never take is refused for good', async () => {
  for (const code of [3, 12])
    expect(await refused(code, 'no such thing')).toEqual({
      ok: false,
      permanent: true,
      reason: `gRPC ${String(code)}`,
    });
});

test('a wake-up that the server cannot take now is kept', async () => {
  expect(await refused(14, 'nobody listens')).toMatchObject({ ok: false, permanent: false });
});

test('a wake-up of a run that takes no more signals is kept for its successor', async () => {
  const full = 'exceeded workflow execution limit for signal events';
  expect(await refused(3, full)).toEqual({ ok: false, permanent: false, reason: 'gRPC 3' });
});
