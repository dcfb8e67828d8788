import { performance } from 'node:perf_hooks';
import type { RequestHandler } from 'express';
import type { Log } from '../../src/platform/log';
import type { Metrics } from '../../src/platform/metrics';
import { shownPath } from './problems';

/** Logs every answer once, with its operation, status and duration, and measures it; probes only on failure. */
export function createRequestLog(log: Log, metrics: Metrics): RequestHandler {
  return (request, response, next) => {
    const started = performance.now();
    const context = { request_id: response.locals['requestId'] as unknown };
    response.on('close', () => {
      const milliseconds = performance.now() - started;
      const operation = String(response.locals['operation'] ?? 'other');
      metrics.httpSeconds.observe(
        { operation, status: String(response.statusCode) },
        milliseconds / 1000,
      );
      const probe =
        request.path === '/healthz' || request.path === '/readyz' || request.path === '/metrics';
      if (probe && response.statusCode < 400) return;
      log.info(
        {
          ...context,
          'http.method': request.method,
          'http.path': shownPath(request.path),
          'http.status': response.statusCode,
          'http.operation': operation,
          'actor.id': response.locals['actor'] as unknown,
          problem: response.locals['problem'] as unknown,
          duration_ms: Math.round(milliseconds),
        },
        `${request.method} ${operation} answered ${String(response.statusCode)}`,
      );
    });
    next();
  };
}
