import type { Request, Router } from 'express';
import { createAuthenticate } from '../../api/middleware/authenticate';
import { createCookies } from '../../api/middleware/cookies';
import { createIdempotencyKeys } from '../../api/middleware/idempotency';
import { createFindOnboarding, createOnboardingCookies } from '../../api/onboarding-cookie';
import type { AnyHandlers, RouterDeps } from '../../api/router';
import { clientAddress } from '../../api/app';
import { createAuditRoutes } from '../../api/routes/audit';
import { createAuditHoldRoutes } from '../../api/routes/audit-holds';
import { createAuditArchiveRoutes } from '../../api/routes/audit-archive';
import { createAuditCheckpointRoutes } from '../../api/routes/audit-checkpoints';
import { createAuditErasureRoutes } from '../../api/routes/audit-erasures';
import { createAuditVerifyRoutes } from '../../api/routes/audit-verify';
import { createApiKeyRoutes } from '../../api/routes/api-keys';
import { createCatalogueRoutes } from '../../api/routes/catalogue';
import { createEventRoutes } from '../../api/routes/events';
import { createHolderRoutes } from '../../api/routes/holders';
import { createIncidentRoutes } from '../../api/routes/incidents';
import { createInviteRoutes } from '../../api/routes/invites';
import { createJobRoutes } from '../../api/routes/jobs';
import { createLoginLinkRoutes } from '../../api/routes/login-link';
import { createKeyRotationRoutes } from '../../api/routes/key-rotations';
import { createOrderRoutes } from '../../api/routes/orders';
import { createPeopleRoutes } from '../../api/routes/people';
import { createProvisioningRoutes } from '../../api/routes/provisioning';
import { createRegistryRoutes } from '../../api/routes/registry';
import { createRolloutRoutes } from '../../api/routes/rollout';
import { createServiceAccountRoutes } from '../../api/routes/service-accounts';
import { createSignInRoutes } from '../../api/routes/sign-in';
import { createTenantMoveRoutes } from '../../api/routes/tenant-moves';
import { createTenantResourceRoutes } from '../../api/routes/tenant-resources';
import { createTenantRoutes } from '../../api/routes/tenants';
import { createUserRoutes } from '../../api/routes/users';
import { createPageRoutes } from '../../api/pages/routes';
import type { LeakDoors } from '../domain/api-keys/leaks';
import * as audit from '../domain/audit/audit-entries';
import { createReadNotes } from '../domain/audit/reads';
import { createIssuers } from '../domain/identity/oidc-issuers';
import { sessionLives } from '../domain/identity/sessions';
import { invitedEmailOf } from '../domain/onboarding/holder';
import { declaredStep } from '../domain/onboarding/steps';
import { createVerification } from '../domain/onboarding/verification';
import type { CaptchaProvider } from '../domain/onboarding/verification';
import { createCursors } from '../platform/cursors';
import { normaliseAddress } from '../platform/client-addresses';
import { createPasswords } from '../platform/crypto/passwords';
import { withSystem } from '../platform/db';
import { errorFields } from '../platform/log';
import { createRateLimits } from '../platform/rate-limits';
import type { Deps } from './deps';

/** What the HTTP app is wired from. */
export interface HttpParts {
  readonly handlers: AnyHandlers;
  readonly pages: Router;
  readonly authenticate: RouterDeps['authenticate'];
  readonly idempotencyKeys: RouterDeps['idempotencyKeys'];
  readonly limits: RouterDeps['limits'];
  readonly onRefused: RouterDeps['onRefused'];
  readonly findOnboarding: RouterDeps['findOnboarding'];
}

/** Builds every handler of the API from the dependencies of the process. */
export function createHandlers(
  deps: Deps,
  captcha: CaptchaProvider | undefined,
  leakDoors: LeakDoors,
): HttpParts {
  const { env, db, ring } = deps;
  const [cookieKey] = env.COOKIE_SECRET;
  if (!cookieKey) throw new Error('COOKIE_SECRET is empty');
  const cookies = createCookies(env);
  const onboardingCookies = createOnboardingCookies({
    keys: env.COOKIE_SECRET,
    cookie: cookies.onboarding,
  });
  const issuers = createIssuers({ issuers: env.OIDC_ISSUERS, dev: env.APP_ENV === 'dev' });
  const readNotes = createReadNotes();
  const shared = {
    ...deps,
    limits: createRateLimits({ db, config: env }),
    passwords: createPasswords({ minLength: env.PASSWORD_MIN_LENGTH }),
    cursors: createCursors(env.COOKIE_SECRET),
    lives: sessionLives(env),
    issuers,
    publicUrl: env.PUBLIC_URL,
    formKeys: env.COOKIE_SECRET,
    findInvitedEmail: (hash: Buffer) => invitedEmailOf(db, hash),
    landing: (surface: string) => (surface === 'operator' ? '/docs' : '/onboarding/progress'),
    verification: createVerification(deps, captcha),
    describeStep: (connector: string, step: string) => {
      const declared = declaredStep(deps.connectors, `${connector}.${step}`);
      return declared && { skippable: declared.plan.skippable, state: declared.plan.state ?? null };
    },
  };
  const handlers = {
    ...createSignInRoutes({ ...shared, cookies }),
    ...createLoginLinkRoutes({ ...shared, cookies }),
    ...createServiceAccountRoutes(shared),
    ...createUserRoutes(shared),
    ...createPeopleRoutes(shared),
    ...createInviteRoutes(shared),
    ...createHolderRoutes({ ...shared, cookies: onboardingCookies }),
    ...createProvisioningRoutes(shared),
    ...createOrderRoutes(shared),
    ...createJobRoutes(shared),
    ...createRolloutRoutes(shared),
    ...createIncidentRoutes(shared),
    ...createRegistryRoutes(shared),
    ...createCatalogueRoutes(shared),
    ...createEventRoutes(shared),
    ...createTenantRoutes({ ...shared, readNotes }),
    ...createTenantMoveRoutes(shared),
    ...createTenantResourceRoutes(shared),
    ...createApiKeyRoutes({ ...shared, leakDoors }),
    ...createKeyRotationRoutes(shared),
    ...createAuditCheckpointRoutes(shared),
    ...createAuditVerifyRoutes(shared),
    ...createAuditErasureRoutes(shared),
    ...createAuditRoutes({ ...shared, readNotes }),
    ...createAuditArchiveRoutes(shared),
    ...createAuditHoldRoutes(shared),
  };
  const idempotencyKeys = createIdempotencyKeys({ secret: cookieKey.key, ring });
  const findOnboarding = createFindOnboarding(db, onboardingCookies);
  const authenticate = createAuthenticate({
    db,
    serviceKeys: deps.serviceKeys,
    issuers,
    cookies,
    clientAddress: (request: Request) => clientAddress(request),
    findOnboarding,
  });
  return {
    handlers: handlers as unknown as AnyHandlers,
    pages: createPageRoutes({
      ...shared,
      config: env,
      cookies: onboardingCookies,
      browserCookies: cookies,
      idempotencyKeys,
      clientAddress,
      authenticate,
      supportEmail: env.OPERATORS_MAIL[0] ?? null,
    }),
    authenticate,
    idempotencyKeys,
    limits: shared.limits,
    onRefused: (caller, contract, request) => {
      if (caller.kind === 'anonymous') return;
      withSystem(db, 'identity', (tx) =>
        audit.append(tx, {
          action: 'access.denied',
          crud: 'r',
          outcome: 'denied',
          actorId: caller.actorId,
          metadata: { operation: contract.operationId, permission: contract.access },
          sourceIp: normaliseAddress(clientAddress(request)) ?? null,
        }),
      ).catch((error: unknown) => {
        deps.log.warn(errorFields(error), 'A refusal could not be audited');
      });
    },
    findOnboarding,
  };
}
