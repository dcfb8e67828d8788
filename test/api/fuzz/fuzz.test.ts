import fc from 'fast-check';
import { isProblemCode } from '../../../src/errors/problems';
import { responsesOf } from '../../support/openapi';
import type { OpenApiDocument } from '../../support/openapi';
import { startTestApp } from '../../support/test-app';
import type { TestApp } from '../../support/test-app';
import { openApiDocument } from '../../../api/openapi';
import { requestsTo } from './requests';
import type { Credentials, FuzzRequest, Operation } from './requests';
import type { Schema } from './values';
import { createSender } from './wire';
import type { FuzzAnswer } from './wire';
import { furnish } from './world';

/** The same requests in every run; another number tries others. */
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_126);
/** Milliseconds after which no further requests to one operation are begun. */
const mostMs = 10_000;

// These end the sessions of those who send them, so they come last.
const ending = ['login', 'changePassword', 'logout'];

const operations: Operation[] = Object.entries(openApiDocument().paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => ({ ...operation, method, path }) as unknown as Operation,
    ),
  )
  .sort((a, b) => ending.indexOf(a.operationId) - ending.indexOf(b.operationId));

/** Requests to each operation: about as many in all, however many operations there come to be. */
const runs = Number(process.env['FUZZ_RUNS'] ?? Math.ceil(3_600 / operations.length));

describe('whatever is sent to an operation of the document', () => {
  let app: TestApp;
  let served: OpenApiDocument;
  let documented: ReturnType<typeof responsesOf>;
  let known: Record<string, string[]>;
  let credentials: Credentials;
  let sender: ReturnType<typeof createSender>;
  /** Statuses that each operation has answered with. */
  const seen = new Map<string, Set<number>>();

  beforeAll(async () => {
    app = await startTestApp();
    served = (await (await fetch(`${app.url}/openapi.json`)).json()) as OpenApiDocument;
    documented = responsesOf(served);
    ({ known, credentials } = await furnish(app));
    sender = createSender(app.url);
  }, 120_000);
  afterAll(async () => {
    sender.close();
    await app.stop();
  });

  const judge = (operation: Operation, request: FuzzRequest, answer: FuzzAnswer): void => {
    const { status, headers, body } = answer;
    if (status >= 500) throw new Error(`It answered ${String(status)}: ${JSON.stringify(body)}`);
    // What a segment of dots or slashes turns the path into may be no operation at all.
    documented(request.method, request.path.split('?')[0] ?? '', answer);
    if (status < 400 || operation.tags.includes('pages')) return;
    // A gateway reads the status and headers of a key's verification, which has no body.
    if (operation.operationId === 'authorizeApiKey') {
      expect(body).toBe('');
      return;
    }
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ status, request_id: headers['x-request-id'] });
    expect(isProblemCode(body.code)).toBe(true);
    const own = new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
    if (!own.test(request.path.split('?')[0] ?? '')) return;
    expect(operation.responses[String(status)]?.description).toContain(`\`${String(body.code)}\``);
  };

  test.each(operations.map((operation) => [operation.operationId, operation] as const))(
    '%s never fails, and answers as documented, with a problem where it refuses',
    async (_id, operation) => {
      const { schemas } = served.components as { schemas: Record<string, Schema> };
      const world = { components: schemas, known };
      const statuses = new Set<number>();
      seen.set(operation.operationId, statuses);
      await fc.assert(
        fc.asyncProperty(requestsTo(operation, world, credentials), async (request) => {
          const answer = await sender.send(request);
          statuses.add(answer.status);
          judge(operation, request, answer);
        }),
        { seed, numRuns: runs, interruptAfterTimeLimit: mostMs, endOnFailure: true },
      );
    },
    mostMs * 3,
  );

  test('and nothing of it is logged as a failure of ours', () => {
    expect(app.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test('and the requests get past the parsing of every operation that needs no secret', () => {
    const parsing = [400, 401, 403, 413, 415, 422];
    // Chance hits no password, no link of a mail, no key and no hash of one.
    const secret = [
      'login',
      'changePassword',
      'openSessionByLink',
      'authorizeApiKey',
      'importApiKey',
    ];
    const shallow = [...seen].filter(
      ([id, statuses]) =>
        !secret.includes(id) && [...statuses].every((status) => parsing.includes(status)),
    );
    expect(shallow.map(([id]) => id)).toEqual([]);
  });
});
