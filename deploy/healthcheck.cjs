// Asks a probe of this container: exit code 0 when it answers 2xx within three seconds.
const [url = 'http://127.0.0.1:8090/healthz'] = process.argv.slice(2);

fetch(url, { signal: AbortSignal.timeout(3_000) }).then(
  ({ ok }) => process.exit(ok ? 0 : 1),
  () => process.exit(1),
);
