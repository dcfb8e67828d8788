import { write, writeSync } from 'node:fs';

/** Takes lines and writes them when it can. */
export interface LogOutput {
  write(line: string): void;
}

/** Most bytes, roughly, that wait to be written; lines beyond are dropped. */
const mostWaiting = 4 * 1024 * 1024;
/** Milliseconds until what could not be written is tried again. */
const pauseMs = 250;

/**
 * Writes lines to a file descriptor, those of one turn together, and never fails its writer: on a full disk a process
 * goes on unlogged, and what waits is written when there is room. (The destination that pino brings ends the process
 * then, or tries for ever while it ends.)
 */
export function createLogOutput(fd: number): LogOutput {
  let waiting: string[] = [];
  let size = 0;
  let rest = Buffer.alloc(0);
  /** A write is planned, under way, or to be tried again. */
  let busy = false;
  let underWay = false;

  const next = (): void => {
    if (rest.length === 0) {
      rest = Buffer.from(waiting.join(''));
      [waiting, size] = [[], 0];
    }
    busy = underWay = rest.length > 0;
    if (underWay) write(fd, rest, 0, rest.length, null, written);
  };
  const written = (error: Error | null, bytes: number): void => {
    underWay = false;
    if (error) setTimeout(next, pauseMs).unref();
    else {
      rest = rest.subarray(bytes);
      next();
    }
  };
  process.on('exit', () => {
    const text = (underWay ? '' : rest.toString()) + waiting.join('');
    try {
      if (text !== '') writeSync(fd, text);
    } catch {
      // Nobody is left to be told.
    }
  });
  return {
    write(line) {
      if (size > mostWaiting) return;
      waiting.push(line);
      size += line.length;
      if (busy) return;
      busy = true;
      setImmediate(next);
    },
  };
}
