import { get } from 'node:http';
import type { BundleFile, PostgresAddresses, TemporalAddress } from './start-servers';

/** The one Postgres of the run, migrated; most tests want a database of their own instead (database.ts). */
export const postgresServer = (): Promise<PostgresAddresses> => ask('/postgres');

/** The one Temporal dev server of the run; use a task queue of your own. */
export const temporalServer = (): Promise<TemporalAddress> => ask('/temporal');

/** The workflows as one file, for `Worker.create({ workflowBundle })`. */
export const workflowBundle = (): Promise<BundleFile> => ask('/bundle');

/** Asks global-setup.ts's desk; the first to ask waits for the start. */
function ask<T>(path: string): Promise<T> {
  const desk = process.env['USHER_TEST_SERVERS'];
  if (!desk) throw new Error('The test servers are offered by Jest: run this with `npx jest`.');
  return new Promise((resolve, reject) => {
    const request = get(`${desk}${path}`, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(body) as T);
        else reject(new Error(`${path.slice(1)} did not start (${response.statusCode}): ${body}`));
      });
    });
    request.on('error', reject);
  });
}
