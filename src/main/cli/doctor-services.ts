import { existsSync, statfsSync } from 'node:fs';
import { inspectConnectors, describeMistake } from '../../domain/onboarding/connectors';
import { renderProbe } from '../../domain/onboarding/connectors.rules';
import type { Connector } from '../../domain/onboarding/connectors.rules';
import { createMailTransport } from '../../platform/mail/transport';
import { createOutbound } from '../../platform/outbound';
import { createTemporalClient } from '../../platform/temporal';
import { stateDirOf } from '../../servers/run-file';
import type { CliIo } from './command';
import { connectorsDir } from './connector-files';
import { fine, wrong } from './findings';
import type { Examination, Finding } from './findings';
import { settings } from './settings';

/** Examinations of what stands beside Postgres. */
export function serviceExaminations(io: CliIo): readonly Examination[] {
  return [
    { name: 'temporal', run: () => temporal(io) },
    { name: 'mail server', run: () => mailServer(io) },
    { name: 'operators', run: () => Promise.resolve(operators(io)) },
    { name: 'connectors', run: () => connectors(io) },
    { name: 'disk space', run: () => Promise.resolve(diskSpace(io)) },
  ];
}

function operators(io: CliIo): Finding {
  const { OPERATORS_MAIL: told } = settings(io.env, ['OPERATORS_MAIL']);
  if (told.length > 0)
    return fine(
      `${told.join(', ')} are told of parked onboardings and of what else needs an operator`,
    );
  return {
    state: 'look',
    detail:
      'nobody is told of parked onboardings, blocked purges, requests for products and new links, and declined invites',
    advice: 'Set OPERATORS_MAIL.',
  };
}

async function temporal(io: CliIo): Promise<Finding> {
  const config = settings(io.env, [
    'TEMPORAL_ADDRESS',
    'TEMPORAL_NAMESPACE',
    'TEMPORAL_TLS',
    'TEMPORAL_API_KEY',
    'TEMPORAL_TLS_CERT_FILE',
    'TEMPORAL_TLS_KEY_FILE',
    'TASK_QUEUE',
  ]);
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace, TASK_QUEUE: queue } = config;
  const { connection } = createTemporalClient(config as Parameters<typeof createTemporalClient>[0]);
  const service = connection.workflowService;
  try {
    return await connection.withDeadline(Date.now() + 3_000, async () => {
      const { serverVersion } = await service.getSystemInfo({});
      await service.describeNamespace({ namespace });
      const polled = await service.describeTaskQueue({
        namespace,
        taskQueue: { name: queue },
      });
      const where = `${address}, namespace ${namespace}, server ${serverVersion}`;
      if (polled.pollers.length > 0) return fine(`${where}; a worker polls ${queue}`);
      return wrong(`${where}, but no worker polls the task queue ${queue}`, 'Start a worker.');
    });
  } catch (error) {
    const { code } = error as { code?: number };
    return wrong(
      `${address} ${temporalFaults(namespace)[code ?? 14] ?? 'does not answer'}`,
      'Start Temporal or correct TEMPORAL_*. Invites, accepts and orders go on meanwhile and are carried out later.',
    );
  } finally {
    await connection.close().catch(() => undefined);
  }
}

// By gRPC status: NOT_FOUND, PERMISSION_DENIED, UNAUTHENTICATED.
const temporalFaults = (namespace: string): Readonly<Record<number, string>> => ({
  5: `has no namespace ${namespace}`,
  7: 'does not allow us in',
  16: 'does not accept our credentials',
});

async function mailServer(io: CliIo): Promise<Finding> {
  const { SMTP_URL: smtp, MAIL_FROM: from } = settings(io.env, ['SMTP_URL', 'MAIL_FROM']);
  const url = new URL(smtp.reveal());
  const transport = createMailTransport({ url: url.href, from });
  const where = `${url.hostname}:${url.port || '25'}`;
  try {
    if (await transport.verify()) return fine(`${where} greets us`);
    return wrong(
      `${where} does not greet us`,
      'Start it, or correct SMTP_URL (address, user and password). Mails wait meanwhile.',
    );
  } finally {
    transport.close();
  }
}

async function connectors(io: CliIo): Promise<readonly Finding[]> {
  const dir = connectorsDir(io);
  const { connectors: found, mistakes } = inspectConnectors({ dir, env: io.env });
  if (!found) {
    return [
      wrong(
        `${String(mistakes.length)} mistake(s) in ${dir}`,
        mistakes.map((mistake) => describeMistake(mistake).trim()).join('\n'),
      ),
    ];
  }
  const { OUTBOUND_ALLOW_CIDRS: allowCidrs } = settings(io.env, ['OUTBOUND_ALLOW_CIDRS']);
  const outbound = createOutbound({ allowCidrs, requireHttps: false });
  try {
    return await Promise.all(
      [...found.connectors.values()].map(async (connector): Promise<Finding> => {
        if (connector.unset.length > 0) {
          return fine(`${connector.name} is not set up (${connector.unset.join(', ')})`);
        }
        const probe = renderProbe(connector);
        if (!probe) return fine(`${connector.name} declares no probe`);
        return probed(connector, await outbound.send(probe));
      }),
    );
  } finally {
    outbound.close();
  }
}

function probed(
  connector: Connector,
  result: Awaited<ReturnType<ReturnType<typeof createOutbound>['send']>>,
): Finding {
  const advice = `Run \`usher connector check\` on the file of ${connector.name} for the details.`;
  if (result.kind === 'failure') return wrong(`${connector.name}: ${result.reason}`, advice);
  const said = `answers ${String(result.status)}`;
  const expected = connector.probe?.expect.status ?? [];
  const fits = expected.some((status) =>
    typeof status === 'number'
      ? status === result.status
      : Math.floor(result.status / 100) === Number(status[0]),
  );
  return fits
    ? fine(`${connector.name} at ${connector.baseUrl} ${said}`)
    : wrong(`${connector.name} ${said}`, advice);
}

const mebibyte = 1024 * 1024;

function diskSpace(io: CliIo): Finding {
  const state = stateDirOf(io.root);
  const folder = existsSync(state) ? state : io.root;
  const { bavail, bsize } = statfsSync(folder);
  const free = Math.floor((bavail * bsize) / mebibyte);
  const text = `${free > 10_240 ? `${String(Math.floor(free / 1024))} GB` : `${String(free)} MB`} free at ${folder}`;
  if (free < 250)
    return wrong(text, 'Free at least 250 MB: a full disk stops the embedded database.');
  if (free < 1024)
    return { state: 'look', detail: text, advice: 'Free some room before it is full.' };
  return fine(text);
}
