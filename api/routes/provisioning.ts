import type { provisioningEndpoints } from '../../src/contracts/provisioning';
import { DomainError } from '../../src/errors/problems';
import { holds } from '../../src/domain/identity/callers';
import type { Caller } from '../../src/domain/identity/callers';
import { belongsTo, mayInTenant } from '../../src/domain/identity/permits.rules';
import type { OnboardingDeps } from '../../src/domain/onboarding/deps';
import { readFacts } from '../../src/domain/onboarding/facts';
import type { NewInputs } from '../../src/domain/onboarding/inputs';
import {
  newestProvisioning,
  provideInputs,
  releaseOf,
  tenantOfProvisioningUser,
} from '../../src/domain/onboarding/provide';
import type { Providing } from '../../src/domain/onboarding/provide';
import { beginRotation, readRotation } from '../../src/domain/onboarding/token-rotations';
import { withSystem, withTenant } from '../../src/platform/db';
import type { Call, Handlers } from '../endpoint';
import { once } from '../middleware/idempotency';
import { pollUntil } from '../poll';

/** Milliseconds for which a request waits for the step that it releases. */
const patienceMs = 10_000;

/** Handing over the workspace and the marketplace token, and replacing the token later. */
export function createProvisioningRoutes(
  deps: OnboardingDeps,
): Handlers<typeof provisioningEndpoints> {
  return {
    async provisionWorkspace(call) {
      const { body } = call;
      return provide(deps, call, await tenantOf(deps, call, body), 'spreadsheet_id', {
        spreadsheetId: body.spreadsheet_id ?? body.ssId,
        ownerEmail: body.owner_email,
        wbToken: body.wb_token,
      });
    },

    addToken: (call) =>
      provide(deps, call, call.body.client_id, 'wb_token', { wbToken: call.body.wb_token }),

    async rotateToken(call) {
      const { body } = call;
      const tenantId = body.client_id;
      requireOwn(call, tenantId);
      const begun = await withTenant(deps.db, tenantId, (tx) =>
        once(call.idempotency, tx, async () => {
          const rotationId = await beginRotation(tx, deps, {
            tenantId,
            wbToken: body.wb_token,
            reason: body.reason,
            actorId: actorOf(call),
          });
          return { status: 202, body: null, waitFor: { rotation_id: rotationId } };
        }),
      );
      const rotationId = begun.waitFor.rotation_id;
      const rotation = await pollUntil(
        () =>
          withTenant(deps.db, tenantId, (tx) => readRotation(tx, rotationId), { readOnly: true }),
        ({ state }) => state === 'done' || state === 'failed',
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

type Sender = Pick<Call, 'caller' | 'onboarding'>;

const notYours = (): DomainError =>
  new DomainError('forbidden', { detail: 'This needs the permission onboardings:provision.' });

// Somebody without the permission may do it for their own tenant; of others they learn nothing.
function requireOwn({ caller, onboarding }: Sender, tenantId: string): void {
  if (mayInTenant(caller, tenantId, 'onboardings:provision')) return;
  if (belongsTo(caller, tenantId) || onboarding?.tenantId === tenantId) return;
  throw notYours();
}

function actorOf({ caller, onboarding }: Sender): string {
  return caller.kind === 'anonymous' ? (onboarding?.actorId ?? caller.actorId) : caller.actorId;
}

async function tenantOf(
  deps: OnboardingDeps,
  sender: Sender,
  named: { readonly client_id?: string | undefined; readonly user_id?: string | undefined },
): Promise<string> {
  const { client_id: clientId, user_id: userId } = named;
  if (userId === undefined) return clientId ?? '';
  if (!holds(sender.caller, 'onboardings:provision') && !isSelf(sender, userId)) throw notYours();
  const tenantId = await withSystem(
    deps.db,
    'holder',
    (tx) => tenantOfProvisioningUser(tx, userId),
    { readOnly: true },
  );
  if (clientId !== undefined && clientId !== tenantId) {
    throw new DomainError('onboarding-not-found', {
      detail: 'This user does not provision this client.',
    });
  }
  return tenantId;
}

function isSelf({ caller, onboarding }: Sender, userId: string): boolean {
  return userIdOf(caller) === userId || onboarding?.userId === userId;
}

function userIdOf(caller: Caller): string | undefined {
  return caller.kind === 'user' || caller.kind === 'onboarding' ? caller.userId : undefined;
}

async function provide(
  deps: OnboardingDeps,
  call: Sender & Pick<Call, 'idempotency'>,
  tenantId: string,
  providing: Providing,
  inputs: NewInputs,
) {
  requireOwn(call, tenantId);
  const stored = await withTenant(deps.db, tenantId, (tx) =>
    once(call.idempotency, tx, async () => {
      const onboardingId = await newestProvisioning(tx, tenantId);
      await provideInputs(tx, deps, onboardingId, inputs, actorOf(call));
      return { status: 202, body: null, waitFor: { onboarding_id: onboardingId } };
    }),
  );
  const onboardingId = stored.waitFor.onboarding_id;
  const release = await pollUntil(
    () =>
      withTenant(
        deps.db,
        tenantId,
        async (tx) => releaseOf(deps, await readFacts(tx, onboardingId), providing),
        { readOnly: true },
      ),
    ({ settled }) => settled,
    patienceMs,
  );
  return {
    status: 202 as const,
    body: {
      success: true as const,
      job_id: onboardingId,
      client_id: tenantId,
      status: release.state,
    },
    ...('replayed' in stored ? { replayed: true as const } : {}),
  };
}
