import { AsyncResource } from 'node:async_hooks';
import { performance } from 'node:perf_hooks';
import type { RequestHandler } from 'express';
import type { Log } from '../../src/platform/log';
import type { Metrics } from '../../src/platform/metrics';
import { shownPath } from './problems';

const probes: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/** Logs every answer once, with its operation, status and duration, and measures it; probes only on failure. */
export function createRequestLog(log: Log, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    const onClose = (): void => {
      const milliseconds = performance.now() - started;
      const { statusCode, locals } = response;
      const operation = String(locals['operation'] ?? 'other');
      metrics.httpSeconds.observe({ operation, status: String(statusCode) }, milliseconds / 1000);
      if (probes.has(request.path) && statusCode < 400) return;
      log.info(
        {
          'http.method': request.method,
          'http.path': shownPath(request.path),
          'http.status': statusCode,
          'http.operation': operation,
          // Its client left before it was through.
          ...(response.writableFinished ? {} : { 'http.aborted': true }),
          'actor.id': locals['actor'] as unknown,
          problem: locals['problem'] as unknown,
          duration_ms: Math.round(milliseconds),
        },
        `${request.method} ${operation} answered ${String(statusCode)}`,
      );
    };
    // Sockets close outside of the request's context, which holds its id.
    response.once('close', AsyncResource.bind(onClose));
    next();
  };
}
