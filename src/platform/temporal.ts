import { readFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import type { ConnectionOptions } from '@temporalio/client';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { DataConverter } from '@temporalio/common';
import { requestIdHeader } from '../errors/temporal';
import type { Config } from './config';
import { requestContext } from './request-context';

/** Connection options shared by the client of the API and the worker's connection. */
export function temporalConnectionOptions(config: Config): ConnectionOptions {
  const pair =
    config.TEMPORAL_TLS_CERT_FILE && config.TEMPORAL_TLS_KEY_FILE
      ? {
          clientCertPair: {
            crt: readFileSync(config.TEMPORAL_TLS_CERT_FILE),
            key: readFileSync(config.TEMPORAL_TLS_KEY_FILE),
          },
        }
      : {};
  return {
    address: config.TEMPORAL_ADDRESS,
    ...(config.TEMPORAL_TLS || config.TEMPORAL_API_KEY ? { tls: pair } : {}),
    ...(config.TEMPORAL_API_KEY ? { apiKey: config.TEMPORAL_API_KEY.reveal() } : {}),
  };
}

const withRequestId: WorkflowClientInterceptor = {
  signalWithStart: (input, next) => {
    const requestId = requestContext()?.requestId;
    return next(
      requestId
        ? {
            ...input,
            headers: {
              ...input.headers,
              [requestIdHeader]: defaultPayloadConverter.toPayload(requestId),
            },
          }
        : input,
    );
  },
};

/** A client that dials Temporal only when it is first used, so that the process starts while Temporal is down. */
export function createTemporalClient(
  config: Config,
  dataConverter?: DataConverter,
): { client: Client; connection: Connection } {
  const connection = Connection.lazy({
    ...temporalConnectionOptions(config),
    connectTimeout: 2_000,
    // By default a channel that has failed for a while looks again only every two minutes.
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': 250,
      'grpc.max_reconnect_backoff_ms': 2_000,
    },
  });
  const client = new Client({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    interceptors: { workflow: [withRequestId] },
    ...(dataConverter ? { dataConverter } : {}),
  });
  return { client, connection };
}
