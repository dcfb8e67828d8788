/** Stops what the run started, Temporal before Postgres, and removes its folder. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.serverDesk?.close();
  // Temporal's native core can hold a finished process open. The timer itself holds nothing: it fires only then,
  // and the exit code is the one that Jest has set.
  setTimeout(() => process.exit(), 3_000).unref();
}
