import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import type { ConnectorFile } from '../../src/contracts/connectors';

/** The sample connector's file, before it is read. */
export type SampleFile = z.input<typeof ConnectorFile>;

/** A folder for CONNECTORS_DIR. */
export interface ConnectorFolder {
  readonly path: string;
  remove(): void;
}

/** A copy of the shipped connectors in which the sample connector is another one. */
export function connectorFolder(change: (sample: SampleFile) => void): ConnectorFolder {
  const path = mkdtempSync(join(tmpdir(), 'usher-connectors-'));
  cpSync(join(__dirname, '..', '..', 'connectors'), path, { recursive: true });
  const file = join(path, 'sample.json');
  const sample = JSON.parse(readFileSync(file, 'utf8')) as SampleFile;
  change(sample);
  writeFileSync(file, JSON.stringify(sample));
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** A step of a connector file by its name. */
export function stepOf(sample: SampleFile, name: string): SampleFile['steps'][number] {
  const step = sample.steps.find((one) => one.name === name);
  if (!step) throw new Error(`The sample connector has no step ${name}`);
  return step;
}
