import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of the request, order or workflow on whose behalf the code runs; ids only. */
export interface RequestContext {
  readonly requestId: string;
  readonly clientRequestId?: string;
  /** Opaque id of who acts: `user:<id>`, `service:<id>`, `system:<purpose>`. */
  readonly actorId?: string;
}

/** What the log may tell of the work that is done: ids, codes and numbers, never inputs. */
export type WorkNotes = Readonly<Record<string, string | number | boolean | null | undefined>>;

interface Running {
  readonly context: RequestContext;
  /** Gathered while the work runs; every log line written in it carries them. */
  readonly notes: Record<string, WorkNotes[string]>;
}

const storage = new AsyncLocalStorage<Running>();

/** Runs a function within a request context; everything it awaits sees it. */
export function withRequestContext<T>(context: RequestContext, fn: () => T): T {
  return storage.run({ context, notes: {} }, fn);
}

/** Runs a function on behalf of another request, whose id its log lines and rows then carry; the notes stay. */
export function onBehalfOf<T>(requestId: string, fn: () => T): T {
  const running = storage.getStore();
  return storage.run(
    { context: { ...running?.context, requestId }, notes: running?.notes ?? {} },
    fn,
  );
}

/** The context of the running request, if there is one. */
export function requestContext(): RequestContext | undefined {
  return storage.getStore()?.context;
}

/** Adds to what the log tells of the running work; later notes of a name replace earlier ones. */
export function noteWork(notes: WorkNotes): void {
  const running = storage.getStore();
  if (running) Object.assign(running.notes, notes);
}

/** Notes whom the running work is about, in the dotted names of the log and in those of the onboarding surface. */
export function noteSubject(subject: { tenantId?: string; onboardingId?: string }): void {
  const { tenantId, onboardingId } = subject;
  noteWork({
    ...(tenantId === undefined ? {} : { 'tenant.id': tenantId, client_id: tenantId }),
    ...(onboardingId === undefined ? {} : { 'onboarding.id': onboardingId, job_id: onboardingId }),
  });
}

/** What was noted of the running work so far. */
export function workNotes(): WorkNotes {
  return storage.getStore()?.notes ?? {};
}
