import { readFileSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { contextOf } from '../../domain/onboarding/step-answer';
import { readFacts } from '../../domain/onboarding/facts';
import type { TemplateContext } from '../../domain/onboarding/connectors-templates.rules';
import { withSystem } from '../../platform/db';
import { createOutbound } from '../../platform/outbound';
import { checkConnector } from '../connector-check';
import { CommandFailure } from './command';
import type { CliIo, Command } from './command';
import { connectorsDir } from './connector-files';
import { findOne } from './onboarding-search';
import { settings, withDatabase } from './settings';

/** Checks a connector file and runs its probe. */
export const connectorCheck: Command = {
  name: 'connector check',
  summary: 'Check a connector file, show every request that it would send, and run its probe only',
  args: [{ name: 'FILE', about: 'The connector file', required: true }],
  options: {
    'dry-run': {
      value: 'CLIENT',
      about: "Render with this tenant's values: its id or slug; secrets are masked",
    },
    'no-probe': { about: 'Send nothing at all' },
  },
  examples: ['connectors/backend-compat.json', 'connectors/backend-compat.json --dry-run acme'],
  async run(input, io) {
    const [file = ''] = input.args;
    const text = readFile(io, file);
    const client = input.text('dry-run');
    const dryRun = client === undefined ? undefined : await contextOfClient(io, file, client);
    const { OUTBOUND_ALLOW_CIDRS: allowCidrs } = settings(io.env, ['OUTBOUND_ALLOW_CIDRS']);
    const outbound = createOutbound({ allowCidrs, requireHttps: false });
    try {
      return await checkConnector({
        file: basename(file),
        text,
        dryRun,
        env: io.env,
        out: (line) => {
          io.out(line);
        },
        ...(input.has('no-probe') ? {} : { runProbe: (probe) => outbound.send(probe) }),
      });
    } finally {
      outbound.close();
    }
  },
};

const blueprints = 'blueprints.json';

function readFile(io: CliIo, file: string): string {
  if (basename(file) === blueprints) {
    throw new CommandFailure(
      `${file} says which tenant gets which connectors; it is no connector itself.`,
      'Check it, together with all connectors: usher doctor',
    );
  }
  try {
    return readFileSync(resolve(file), 'utf8');
  } catch (error) {
    throw new CommandFailure(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      `Connector files are here: ${connectorFiles(io).join(', ')}`,
    );
  }
}

function connectorFiles(io: CliIo): string[] {
  const folder = connectorsDir(io);
  try {
    const files = readdirSync(folder).filter((name) => /\.json$/.test(name) && name !== blueprints);
    return files.length > 0 ? files.map((name) => join(folder, name)) : [folder];
  } catch {
    return [folder];
  }
}

function contextOfClient(io: CliIo, file: string, client: string): Promise<TemplateContext> {
  const connector = /([^/\\]+)\.json$/.exec(file)?.[1] ?? '';
  return withDatabase(io, (db) =>
    withSystem(db, 'cli', async (tx) => {
      const job = await findOne(tx, client);
      // The token stays sealed: the rendering would mask it anyway.
      return contextOf(await readFacts(tx, job.id), connector, null);
    }),
  );
}
