import { verification } from './activities';

/** Tick of the schedule `usher/<task queue>/verify-audit`: verifies the audit log once a night. A break pages. */
export async function verifyAudit(): Promise<void> {
  await verification.verifyAuditLog();
}
