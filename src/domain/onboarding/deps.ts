import type { Config } from '../../platform/config';
import type { KeyRing } from '../../platform/crypto/sealing';
import type { Database } from '../../platform/db';
import type { Log } from '../../platform/log';
import type { Metrics } from '../../platform/metrics';
import type { Outbox } from '../../platform/outbox';
import type { Connectors } from './connectors';

/** The part of the configuration that onboarding reads. */
export type OnboardingConfig = Pick<
  Config,
  | 'PUBLIC_URL'
  | 'TERMS_URL'
  | 'TERMS_VERSION'
  | 'OPERATORS_MAIL'
  | 'PASSWORD_MIN_LENGTH'
  | 'RATE_RESEND_SECONDS'
  | 'RATE_RESEND_MAX'
  | 'INVITE_REMINDER_HOURS'
  | 'CUSTOMER_REMINDER_HOURS'
  | 'RETRY_SECONDS'
  | 'SELF_SERVE_INVITES'
  | 'TENANTS_REQUIRE_PARTNER'
>;

/** What the operations of onboarding use; each takes the part it needs. */
export interface OnboardingDeps {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly outbox: Outbox;
  readonly connectors: Connectors;
  readonly config: OnboardingConfig;
  readonly metrics: Metrics;
  readonly log: Log;
}
