import { accessSync, constants, existsSync } from 'node:fs';
import type { CliIo } from './command';
import { fine, wrong } from './findings';
import type { Examination, Finding } from './findings';
import { settings } from './settings';

/** Looks whether the exports that precede a purge have a place. */
export function exportExamination(io: CliIo): Examination {
  return { name: 'exports', run: () => Promise.resolve(exportsPlace(io)) };
}

function exportsPlace(io: CliIo): Finding {
  const { TENANT_EXPORT_DIR: directory, APP_ENV: environment } = settings(io.env, [
    'TENANT_EXPORT_DIR',
    'APP_ENV',
  ]);
  if (directory === '') {
    return environment === 'dev'
      ? fine('go to .usher/exports')
      : {
          state: 'look',
          detail: 'have no place, so that no deleted tenant is purged',
          advice: 'Set TENANT_EXPORT_DIR to a directory that is backed up.',
        };
  }
  // The worker makes it with its first export.
  if (!existsSync(directory)) return fine(`go to ${directory}, which is not there yet`);
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch {
    return wrong(
      `may not be written to ${directory}`,
      'Let the user of the worker write there, or set TENANT_EXPORT_DIR to another directory.',
    );
  }
  return fine(`go to ${directory}`);
}
