import { listArchives, restoreArchive, runArchive } from './audit-archive';
import { liftHold, listHolds, placeHold } from './audit-holds';
import type { Command } from './command';
import { connectorCheck } from './connector-check';
import { makeAuditCheckpoint } from './audit-checkpoint';
import { exportAudit } from './audit-export';
import { verifyAudit } from './audit-verify';
import { forkAudit } from './audit-fork';
import { doctor } from './doctor';
import { keyCommands } from './keys';
import { leaseCommands } from './leases';
import { doctorStore } from './doctor-store';
import { listMailsCommand } from './mails';
import { migrate } from './migrations';
import { restartOnboarding } from './onboarding-restart';
import { showOnboarding } from './onboarding-show';
import { listOnboardings } from './onboardings';
import { orderCommands } from './orders';
import { listOutbox, replayOutbox } from './outbox';
import { createOwner } from './owners';
import { createPartnerCommand, listPartnersCommand } from './partners';
import { promotePepperCommand, reportPeppers } from './peppers';
import { rotateSecrets, secretsStatus } from './secrets';
import { createAccount, listAccounts, revokeAccount, rotateAccount } from './service-accounts';
import { tenantCommands } from './tenants';

/** Every command, in the order of the overview. */
export const commands: readonly Command[] = [
  doctor,
  doctorStore,
  migrate,
  createOwner,
  createAccount,
  listAccounts,
  rotateAccount,
  revokeAccount,
  listOnboardings,
  showOnboarding,
  ...orderCommands,
  restartOnboarding,
  ...keyCommands,
  reportPeppers,
  promotePepperCommand,
  ...leaseCommands,
  ...tenantCommands,
  createPartnerCommand,
  listPartnersCommand,
  connectorCheck,
  secretsStatus,
  rotateSecrets,
  listOutbox,
  replayOutbox,
  listMailsCommand,
  makeAuditCheckpoint,
  exportAudit,
  verifyAudit,
  forkAudit,
  runArchive,
  listArchives,
  restoreArchive,
  placeHold,
  listHolds,
  liftHold,
];
