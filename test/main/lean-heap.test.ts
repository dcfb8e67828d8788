import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildSources } from '../support/start-servers';

const root = join(__dirname, '..', '..');

beforeAll(() => buildSources(), 120_000);

/**
 * Hands texts of 1 kB through nextTick, many at first, so that V8 takes them for long-lived, and then few at a time,
 * each forgotten at once. Prints the most megabytes by which the old heap grew meanwhile.
 */
const work = `
  const { getHeapSpaceStatistics } = require('node:v8');
  const { letTheYoungDie } = require(process.argv[1]);
  letTheYoungDie();
  const old = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size;
  const handOn = () => new Promise((resolve) => {
    const text = Buffer.alloc(1000, 'x').toString();
    process.nextTick(() => setImmediate(resolve, text.length));
  });
  const together = (many) => Promise.all(Array.from({ length: many }, handOn));
  (async () => {
    for (let burst = 0; burst < 6; burst += 1) await together(20_000);
    const before = old();
    let most = 0;
    for (let round = 0; round < 4_000; round += 1) {
      await together(16);
      most = Math.max(most, old() - before);
    }
    console.log(Math.round(most / 1e6));
  })();
`;

test('what is forgotten at once never reaches the old heap', async () => {
  const lean = join(root, 'dist', 'src', 'main', 'lean-heap.js');
  const args = ['--max-semi-space-size=4', '-e', work, lean];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  // At most 3 in practice, and 25 to 80 where V8 is left to itself.
  expect(Number(stdout)).toBeLessThan(10);
});
