import { join } from 'node:path';
import { NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import { createMailTransport } from '../src/platform/mail/transport';
import { createOutbound } from '../src/platform/outbound';
import { marketplaceToken, stepRequests } from './requests';

function createBareActivities() {
  const outbound = createOutbound({ allowCidrs: ['127.0.0.0/8'], requireHttps: false });
  const mail = createMailTransport({
    url: process.env['SMTP_URL'] ?? '',
    from: 'bare@usher.localhost',
  });
  return {
    /** Makes one call of an onboarding's step. */
    async call({ sheet, step }: { sheet: string; step: keyof typeof stepRequests }): Promise<void> {
      const { path, body } = stepRequests[step](sheet, marketplaceToken(sheet));
      const result = await outbound.send({
        method: 'POST',
        url: `${process.env['SAMPLE_BACKEND_URL'] ?? ''}${path}`,
        headers: {
          'content-type': 'application/json',
          'x-api-key': process.env['SAMPLE_BACKEND_KEY'] ?? '',
          'idempotency-key': `${sheet}:${step}:1`,
        },
        body: JSON.stringify(body),
        timeoutMs: 10_000,
      });
      if (result.kind !== 'response' || result.status !== 200) throw new Error(`${step} failed`);
    },
    /** Sends the mail at the end. */
    async sendMail({ sheet }: { sheet: string }): Promise<void> {
      await mail.send({
        to: { address: `${sheet}@example.com`, name: null },
        subject: 'Welcome',
        text: 'Your tenant is active.',
        html: '<p>Your tenant is active.</p>',
        messageId: `<${sheet}@bare>`,
      });
    },
  };
}

/** What the bare workflow calls. */
export type BareActivities = ReturnType<typeof createBareActivities>;

async function main(): Promise<void> {
  const connection = await NativeConnection.connect({
    address: process.env['TEMPORAL_ADDRESS'] ?? '',
  });
  const activities = createBareActivities();
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(__dirname, 'bare-workflow.js'),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  const shared = { connection, activities, maxConcurrentActivityTaskExecutions: 20 };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: 'bare', workflowBundle, maxCachedWorkflows: 600 }),
    Worker.create({ ...shared, taskQueue: 'bare-backend' }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  console.log(JSON.stringify({ url: 'bare' }));
  await running;
  await connection.close();
}

if (require.main === module) void main().then(() => process.exit(0));
