import { isAbsolute, join } from 'node:path';
import { inspectConnectors } from '../../domain/onboarding/connectors';
import type { DescribeStep } from '../../domain/onboarding/job-detail';
import { stepsDeclaredBy } from '../../domain/onboarding/job-detail';
import type { CliIo } from './command';
import { settings } from './settings';

/** The folder of the connector files, seen from the folder of package.json. */
export function connectorsDir(io: CliIo): string {
  const { CONNECTORS_DIR: dir } = settings(io.env, ['CONNECTORS_DIR']);
  return isAbsolute(dir) ? dir : join(io.root, dir);
}

/** What the connector files say of steps; nothing when they cannot be read, since showing rows needs no files. */
export function describeSteps(io: CliIo): DescribeStep {
  const { connectors } = inspectConnectors({ dir: connectorsDir(io), env: io.env });
  return connectors ? stepsDeclaredBy(connectors) : () => undefined;
}
