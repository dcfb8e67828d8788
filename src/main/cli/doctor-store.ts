import { DomainError } from '../../errors/problems';
import { withSystem } from '../../platform/db';
import { createObjectStore } from '../../platform/object-store';
import type { ObjectStoreSettings } from '../../platform/object-store';
import { honours, recordFindings, recordedFindings } from '../../platform/object-store-findings';
import { createStoreBucket, probeStore } from '../../platform/object-store-probe';
import type { ProbeResult, StoreCapability } from '../../platform/object-store-probe';
import { coldStoreSettings, coldStoreVariables } from '../cold-store';
import { CommandFailure } from './command';
import type { CliIo, Command } from './command';
import { printFindings } from './doctor-print';
import { fine, wrong } from './findings';
import type { Examination, Finding } from './findings';
import { jsonLine } from './json';
import { settings, withDatabase } from './settings';

/** Where the archive lies, as this command is told; undefined when nowhere. */
function storeOf(io: CliIo): ObjectStoreSettings | undefined {
  return coldStoreSettings(settings(io.env, coldStoreVariables));
}

/** What it means for the archive that a store does not honour something; without advice it cannot be used at all. */
const consequences: Readonly<Record<StoreCapability, string | undefined>> = {
  'read-back': undefined,
  listing: undefined,
  'conditional-put':
    'No harm: the name of an object holds its digest, and what is there is looked at before anything is deleted.',
  'conditional-put-race':
    'No harm: the name of an object holds its digest, and what is there is looked at before anything is deleted.',
  'checksum-refused': 'Each object is read back whole after it was stored, which takes longer.',
  'checksum-told': 'Each object is read back whole after it was stored, which takes longer.',
  versioning:
    'Turn versioning on: without it, whoever has the keys can overwrite the archive for good.',
  'compliance-lock':
    'Use a bucket with object lock (it has to be made with it): without it, whoever has the keys can delete the archive.',
  'legal-hold': 'Objects cannot be held; their lock time is what keeps them.',
};

/** Finds out what the object store really honours, and records it. */
export const doctorStore: Command = {
  name: 'doctor s3',
  summary: 'Try out what the object store of the archive really honours, and record it',
  options: {
    'create-bucket': { about: 'Make the bucket first, with object lock, when it is not there' },
    json: { about: 'Print JSON' },
  },
  notes: [
    'Small objects are written below usher-probe/ and deleted again; one stays locked for a minute. The exit code is 1 when the store cannot be used.',
  ],
  examples: ['', '--create-bucket'],
  async run(input, io) {
    const store = storeOf(io);
    if (!store) {
      const missing = new DomainError('store-missing');
      throw new CommandFailure(`${missing.message}.`, 'Set AUDIT_COLD_BUCKET and what it needs.');
    }
    if (input.has('create-bucket')) await makeBucket(store, io);
    const results = await probeStore(store);
    const recorded = await record(io, store, results);
    const shown = results.map((result) => ({
      name: result.capability,
      findings: [findingOf(result)],
    }));
    if (input.has('json')) io.out(jsonLine({ bucket: store.bucket, recorded, results }));
    else {
      io.out(`Bucket ${store.bucket} at ${store.endpoint ?? 'AWS'}`);
      io.out('');
      printFindings(io, shown);
      if (!recorded) io.err('Not recorded: the database cannot be reached.');
    }
    return shown.some(({ findings }) => findings.some(({ state }) => state === 'bad')) ? 1 : 0;
  },
};

async function makeBucket(store: ObjectStoreSettings, io: CliIo): Promise<void> {
  const client = createObjectStore(store);
  try {
    await client.check();
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'store-refused') throw error;
    await createStoreBucket(store);
    io.err(`Made the bucket ${store.bucket}.`);
  } finally {
    client.close();
  }
}

async function record(
  io: CliIo,
  store: ObjectStoreSettings,
  results: readonly ProbeResult[],
): Promise<boolean> {
  try {
    await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) => recordFindings(tx, store, results, new Date())),
    );
    return true;
  } catch {
    return false;
  }
}

function findingOf({ capability, honoured, seen }: ProbeResult): Finding {
  if (honoured) return fine(seen);
  const advice = consequences[capability];
  if (advice !== undefined) return { state: 'look', detail: seen, advice };
  return wrong(seen, 'This store cannot hold an archive.');
}

/** The store as a part of the doctor's round: whether it is there, and what the last probe said. */
export function storeExamination(io: CliIo): Examination {
  return {
    name: 'object store',
    async run() {
      const store = storeOf(io);
      if (!store) return fine('none is configured: the audit log is not archived');
      const client = createObjectStore(store);
      try {
        await client.check();
      } finally {
        client.close();
      }
      const findings = await withDatabase(io, (db) => recordedFindings(db, store));
      const advice = 'Run `usher doctor s3`.';
      if (!findings) {
        return { state: 'look', detail: `${store.bucket} is there, never tried out`, advice };
      }
      const lacking = findings.results.filter(({ honoured }) => !honoured);
      if (lacking.length === 0) return fine(`${store.bucket} honours everything that was tried`);
      const names = lacking.map(({ capability }) => capability).join(', ');
      const usable = honours(findings, 'read-back') && honours(findings, 'listing');
      return { state: usable ? 'look' : 'bad', detail: `${store.bucket} lacks ${names}`, advice };
    },
  };
}
