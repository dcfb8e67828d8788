import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rawHistories } from '../support/histories';
import { findTraces } from '../support/traces';
import type { Haystack } from '../support/traces';
import { addressDomain, ask } from './customers';
import type { Customer } from './customers';
import { lostDatabases } from './kills';
import type { Scene } from './scene';
import { withTemporal } from './temporal';

/** Takes what a run measured, from its start to its end: a killed process takes its figures with it. */
export interface Meters {
  /** Every line of every page of metrics, without its value. */
  readonly lines: ReadonlySet<string>;
  stop(): Promise<void>;
}

const readEveryMs = 2_000;

/** Begins to read the metrics of APIs and workers. */
export function readMeters({ cluster }: Pick<Scene, 'cluster'>): Meters {
  const lines = new Set<string>();
  const urls = [...cluster.apiUrls, ...cluster.workerUrls];
  const read = async (): Promise<void> => {
    const pages = urls.map(async (url) => {
      const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(1_000) });
      return response.text();
    });
    for (const page of await Promise.allSettled(pages)) {
      if (page.status === 'rejected') continue;
      for (const line of page.value.split('\n')) lines.add(line.replace(/ [^ ]*$/, ''));
    }
  };
  let reading = Promise.resolve();
  const timer = setInterval(() => {
    reading = reading.then(read);
  }, readEveryMs);
  return {
    lines,
    stop: async () => {
      clearInterval(timer);
      await reading;
      await read();
    },
  };
}

/** Sends what is refused and holds what must not come back: a used token, an address that is taken, a broken one. */
export async function provokeRefusals(scene: Scene, { token, email }: Customer): Promise<void> {
  const accept = { accept_terms: true, password: `${email} ${token}` };
  await ask(scene, 'POST', `/onboarding/invites/${token}/accept`, accept, { anonymous: true });
  await ask(scene, 'POST', '/auth/login', { email, password: token }, { anonymous: true });
  await ask(scene, 'POST', '/onboarding/invites', { email: `@${email}`, wb_token: token });
}

/**
 * Looks for secrets, tokens and addresses in every log file, every history of Temporal (those of its lost databases
 * too), every line of metrics and every problem that was answered. Returns what was found where, and what is wrong with
 * these places otherwise.
 */
export async function findLeaks(scene: Scene, meters: Meters): Promise<string[]> {
  const { cluster, refusals, tokens } = scene;
  const wrong: string[] = [];
  const histories: Haystack[] = [];
  await withTemporal(scene, async (client) => {
    for await (const { workflowId, text, failedTasks } of rawHistories(client)) {
      histories.push({ place: `the history of ${workflowId.split('/')[0] ?? ''}`, text });
      for (const cause of failedTasks) wrong.push(`a task of ${workflowId} failed: ${cause}`);
    }
  });
  const places: Record<string, Haystack[]> = {
    logs: filesIn(join(cluster.stateDir, 'logs')),
    histories: [...histories, ...filesIn(join(cluster.stateDir, lostDatabases))],
    metrics: [...meters.lines].map((text) => ({ place: 'the metrics', text })),
    problems: refusals.map(({ request, body }) => ({
      place: `an answer to ${request}`,
      text: body,
    })),
  };
  for (const [name, haystacks] of Object.entries(places)) {
    if (haystacks.every(({ text }) => text === '')) wrong.push(`there are no ${name} to look at`);
  }
  const parts = Object.entries(cluster.secrets).map(([what, text]) => ({ what, text }));
  const address = { what: 'an e-mail address', text: addressDomain };
  return [
    ...wrong,
    ...findTraces(Object.values(places).flat(), { parts: [...parts, address], tokens }),
  ];
}

function filesIn(folder: string): Haystack[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => ({
    place: name,
    text: readFileSync(join(folder, name), 'latin1'),
  }));
}

/** Answers that are no problem of the catalogue, or one of ours that nobody foresaw. */
export function badRefusals(scene: Scene): string[] {
  const wrong = new Set<string>();
  for (const { request, status, type, body, provoked } of scene.refusals) {
    const isProblem = type.startsWith('application/problem+json') && /"code":"[a-z-]+"/.test(body);
    if (!isProblem) wrong.add(`${request} was answered ${String(status)} as ${type}`);
    if (status === 500 && !provoked) wrong.add(`${request} was answered 500`);
  }
  return [...wrong];
}
