import { Client, Connection } from '@temporalio/client';
import type { Scene } from './scene';

/** Lends a client of the run's Temporal. */
export async function withTemporal<T>(
  { cluster }: Pick<Scene, 'cluster'>,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const connection = await Connection.connect({ address: cluster.temporal.address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}
