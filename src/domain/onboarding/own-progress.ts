import type { CustomerInput } from '../../contracts/connectors';
import type { Tx } from '../../platform/db';
import { findAccount } from '../identity/accounts';
import { readPlainProgress } from './client-status';
import type { OnboardingDeps } from './deps';
import { readFacts } from './facts';
import type { PlainStep, ShownStatus } from './jobs.rules';
import { declaredStep } from './steps';
import { currentStep, isBehind, isProvisioning, missingOf } from './view.rules';
import type { OnboardingFacts } from './view.rules';

/** How a person's own onboarding stands, and what it still needs of them. */
export interface OwnProgress {
  readonly facts: OnboardingFacts;
  readonly steps: Readonly<Record<PlainStep, ShownStatus>>;
  /** What any step ahead still needs, so that it can be handed over at once. */
  readonly missing: readonly CustomerInput[];
  /** The onboarding stands still until the customer gives something; true from accept on, whoever has noticed. */
  readonly waitsForCustomer: boolean;
}

/** The onboarding that a person accepted last, in whatever tenant. */
export function newestOnboardingOf(
  tx: Tx,
  userId: string,
): Promise<{ onboardingId: string; tenantId: string } | undefined> {
  return tx.maybe(
    `select id as "onboardingId", tenant_id as "tenantId" from onboardings
     where user_id = $1 and accepted_at is not null order by accepted_at desc, id desc limit 1`,
    [userId],
  );
}

/**
 * Whether an onboarding is still its person's: the account is active and the membership stands. A cookie that was
 * given at the accept lives for days, and what it opens must end with either.
 */
export async function isStillTheirs(
  tx: Tx,
  owner: { readonly onboardingId: string; readonly tenantId: string; readonly userId: string },
): Promise<boolean> {
  const row = await tx.maybe(
    `select 1 from onboardings as o
       join users as u on u.id = o.user_id
       join tenants as t on t.id = o.tenant_id
     where o.id = $1 and o.tenant_id = $2 and o.user_id = $3 and u.status = 'active'
       and exists (select 1 from memberships as m
         where m.user_id = u.id and m.withdrawn_at is null
           and (m.tenant_id = t.id or m.scope = 'partner' and m.partner_id = t.partner_id))`,
    [owner.onboardingId, owner.tenantId, owner.userId],
  );
  return row !== undefined;
}

/**
 * Reads a person's own onboarding. Undefined when it is not theirs, or when their account is closed: a cookie alone
 * must not outlive the account that it was given to.
 * @throws DomainError `onboarding-not-found`
 */
export async function readOwnProgress(
  tx: Tx,
  deps: Pick<OnboardingDeps, 'connectors'>,
  owner: { readonly onboardingId: string; readonly userId: string },
): Promise<OwnProgress | undefined> {
  const facts = await readFacts(tx, owner.onboardingId);
  const account = await findAccount(tx, owner.userId);
  if (facts.userId !== owner.userId || account?.status !== 'active') return undefined;
  const { steps } = await readPlainProgress(tx, owner.onboardingId);
  const current = currentStep(facts);
  const missing = missingAhead(deps, facts);
  const waitsForCustomer =
    missing.length > 0 &&
    current !== undefined &&
    missingOf(facts, needsOf(deps, current.key)).length > 0;
  return { facts, steps, missing, waitsForCustomer };
}

function missingAhead(
  deps: Pick<OnboardingDeps, 'connectors'>,
  facts: OnboardingFacts,
): CustomerInput[] {
  if (!isProvisioning(facts.state) || facts.undoing) return [];
  const needs = facts.steps
    .filter((step) => !isBehind(step))
    .flatMap(({ key }) => needsOf(deps, key));
  return missingOf(facts, [...new Set(needs)]).sort() as CustomerInput[];
}

function needsOf(deps: Pick<OnboardingDeps, 'connectors'>, key: string): readonly string[] {
  return declaredStep(deps.connectors, key)?.plan.needs ?? [];
}
