import { AsyncLocalStorage } from 'node:async_hooks';

/** What is known of the request, order or workflow on whose behalf the code runs; ids only. */
export interface RequestContext {
  readonly requestId: string;
  readonly clientRequestId?: string;
  /** Opaque id of who acts: `user:<id>`, `service:<id>`, `system:<purpose>`. */
  readonly actorId?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

/** Runs a function within a request context; everything it awaits sees it. */
export function withRequestContext<T>(context: RequestContext, fn: () => T): T {
  return storage.run(context, fn);
}

/** The context of the running request, if there is one. */
export function requestContext(): RequestContext | undefined {
  return storage.getStore();
}
