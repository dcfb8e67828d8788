import type { provisioningEndpoints } from '../../src/contracts/provisioning';
import { DomainError } from '../../src/errors/problems';
import { belongsTo, mayInTenant } from '../../src/domain/identity/permits.rules';
import type { Caller } from '../../src/domain/identity/callers';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { readFacts } from '../../src/domain/onboarding/facts';
import type { NewInputs } from '../../src/domain/onboarding/inputs';
import {
  isReleased,
  newestProvisioning,
  provideInputs,
  tenantOfProvisioningUser,
} from '../../src/domain/onboarding/provide';
import type { Providing } from '../../src/domain/onboarding/provide';
import { beginRotation, readRotation } from '../../src/domain/onboarding/token-rotations';
import { withTenant, withSystem } from '../../src/platform/db';
import type { Call, Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';
import { pollUntil } from '../poll';

type ProvisioningHandlers = Pick<
  Handlers<typeof provisioningEndpoints>,
  'provisionWorkspace' | 'addToken' | 'rotateToken'
>;

/** Milliseconds for which a request waits for the step that it releases. */
const patienceMs = 10_000;

/** Handing over the workspace and the marketplace token, and replacing the token later. */
export function createProvisioningRoutes(deps: OnboardingDeps): ProvisioningHandlers {
  return {
    provisionWorkspace: async (call) => {
      const { body } = call;
      const tenantId = body.client_id ?? (await tenantOfUser(deps, body.user_id ?? ''));
      return provide(deps, call, tenantId, 'spreadsheet_id', {
        spreadsheetId: body.spreadsheet_id ?? body.ssId,
        ownerEmail: body.owner_email,
        wbToken: body.wb_token,
      });
    },

    addToken: (call) =>
      provide(deps, call, call.body.client_id, 'wb_token', { wbToken: call.body.wb_token }),

    rotateToken: async ({ caller, onboarding, body, idempotency }) => {
      requireOwn(caller, onboarding, body.client_id);
      const begun = await withTenant(deps.db, body.client_id, (tx) =>
        once(idempotency, tx, async () => {
          const rotationId = await beginRotation(tx, deps, {
            tenantId: body.client_id,
            wbToken: body.wb_token,
            reason: body.reason,
            actorId: actorOf(caller, onboarding),
          });
          return { status: 202, body: null, waitFor: { rotation_id: rotationId } };
        }),
      );
      const rotationId = begun.waitFor?.['rotation_id'] ?? '';
      const rotation = await pollUntil(
        () => withTenant(deps.db, body.client_id, (tx) => readRotation(tx, rotationId)),
        (row) => row.state === 'done' || row.state === 'failed',
        patienceMs,
      );
      return {
        status: 202,
        body: {
          success: true,
          rotation_id: rotation.id,
          client_id: rotation.tenantId,
          status: rotation.state,
          problem: rotation.problem,
        },
        ...('replayed' in begun ? { replayed: true } : {}),
      };
    },
  };
}

type Self = Call['onboarding'];

// Somebody without the permission may do it for their own tenant; of others they learn nothing.
function requireOwn(caller: Caller, onboarding: Self, tenantId: string): void {
  if (mayInTenant(caller, tenantId, 'onboardings:provision')) return;
  if (belongsTo(caller, tenantId) || onboarding?.tenantId === tenantId) return;
  throw new DomainError('forbidden', {
    detail: 'This needs the permission onboardings:provision.',
  });
}

function actorOf(caller: Caller, onboarding: Self): string {
  return caller.kind === 'anonymous' ? (onboarding?.actorId ?? caller.actorId) : caller.actorId;
}

function tenantOfUser(deps: OnboardingDeps, userId: string): Promise<string> {
  return withSystem(deps.db, 'holder', (tx) => tenantOfProvisioningUser(tx, userId), {
    readOnly: true,
  });
}

async function provide(
  deps: OnboardingDeps,
  call: Pick<Call, 'caller' | 'onboarding' | 'idempotency'>,
  tenantId: string,
  providing: Providing,
  inputs: NewInputs,
) {
  const { caller, onboarding, idempotency } = call;
  requireOwn(caller, onboarding, tenantId);
  const stored = await withTenant(deps.db, tenantId, (tx) =>
    once(idempotency, tx, async () => {
      const onboardingId = await newestProvisioning(tx, tenantId);
      await provideInputs(tx, deps, onboardingId, inputs, actorOf(caller, onboarding));
      return { status: 202, body: null, waitFor: { onboarding_id: onboardingId } };
    }),
  );
  const onboardingId = stored.waitFor?.['onboarding_id'] ?? '';
  const facts = await pollUntil(
    () => withTenant(deps.db, tenantId, (tx) => readFacts(tx, onboardingId), { readOnly: true }),
    (seen) => isReleased(deps, seen, providing),
    patienceMs,
  );
  return {
    status: 202 as const,
    body: { success: true as const, job_id: facts.id, client_id: tenantId, status: facts.state },
    ...('replayed' in stored ? { replayed: true as const } : {}),
  };
}
