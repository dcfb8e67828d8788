import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { reduceError } from '../errors/temporal';
import { DomainError } from '../errors/problems';
import { newId } from './ids';
import { createLogOutput } from './log-output';
import { requestContext, workNotes } from './request-context';

/** The structured log of a process: readable sentences with dotted fields, never inputs, tokens or addresses. */
export type Log = Logger;

/** Opens the log; every line carries the id of the request it was written for, and whom it is about. */
export function createLog(
  options: { level: string; process: string },
  to?: DestinationStream,
): Log {
  return pino(
    {
      level: options.level,
      base: { process: options.process, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const context = requestContext();
        return context
          ? {
              request_id: context.requestId,
              ...(context.clientRequestId ? { client_request_id: context.clientRequestId } : {}),
              ...workNotes(),
            }
          : {};
      },
    },
    to ?? createLogOutput(1),
  );
}

/**
 * What a log line may say of an error: the catalogue code, or class, SQLSTATE or SMTP code and an error id with
 * the frames of our own code. Messages of drivers hold e-mail addresses and values, so they are dropped.
 */
export function errorFields(error: unknown): Record<string, unknown> {
  if (error instanceof DomainError) return { problem: error.code };
  const stack = error instanceof Error ? error.stack : undefined;
  const frames = (stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at ') && !line.includes('node:internal'))
    .slice(0, 6)
    .map((line) =>
      line
        .trim()
        .replace(
          /\(?(?:file:\/\/)?\/\S*?\/((?:dist\/)?(?:src|api|activities|workflows|node_modules)\/)/,
          '($1',
        ),
    );
  return { problem: 'internal', error: { id: newId(), kind: reduceError(error), frames } };
}
