const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Counts a file: a test that did not run failed, and so did a file that could not run or left something open. */
function count(file) {
  const passed = file.testResults.filter(({ status }) => status === 'passed').length;
  const broken = file.testExecError ? 1 : 0;
  return { passed, failed: file.testResults.length - passed + broken };
}

/** Jest's reporter: a line for each file, failures in full, and the counts to the file that USHER_TEST_COUNT names. */
module.exports = class CountingReporter {
  constructor({ rootDir }) {
    this.root = rootDir;
    this.done = 0;
    this.total = 0;
  }

  onRunStart({ numTotalTestSuites }) {
    this.total = numTotalTestSuites;
  }

  onTestResult(_test, file) {
    this.done += 1;
    const { passed, failed } = count(file);
    const place = `${String(this.done).padStart(String(this.total).length)}/${this.total}`;
    const name = relative(this.root, file.testFilePath);
    const what = failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} FAILED`;
    const mark = failed === 0 ? '✓' : '✗';
    console.log(`  ${mark} ${place} ${name}: ${what} (${seconds(file.perfStats.runtime)})`);
    if (this.total <= 3) this.list(file);
    if (failed > 0) this.explain(file);
  }

  onRunComplete(_contexts, { testResults, runExecError }) {
    const counts = testResults.map(count);
    const passed = counts.reduce((sum, file) => sum + file.passed, 0);
    const failed = counts.reduce((sum, file) => sum + file.failed, runExecError ? 1 : 0);
    if (runExecError) console.log(`  ✗ ${runExecError.message}`);
    if (failed > 0 && this.total > 3) this.repeat(testResults);
    console.log(`  ${passed} passed, ${failed} failed in ${testResults.length} files`);
    const target = process.env['USHER_TEST_COUNT'];
    if (target) writeFileSync(target, JSON.stringify({ passed, failed }));
  }

  list({ testResults }) {
    for (const { status, fullName, duration } of testResults) {
      console.log(`      ${status === 'passed' ? '✓' : '✗'} ${fullName} (${duration ?? 0} ms)`);
    }
  }

  /** Once more at the end, since the beginning of a long output is easily lost. */
  repeat(testResults) {
    console.log('\n  Failed:');
    for (const file of testResults.filter((result) => count(result).failed > 0)) {
      console.log(`\n  ✗ ${relative(this.root, file.testFilePath)}`);
      console.log((file.failureMessage ?? '').slice(0, 4_000));
    }
  }

  explain({ failureMessage, testResults, console: lines }) {
    if (failureMessage) console.log(failureMessage);
    for (const { status, fullName } of testResults) {
      if (status !== 'passed' && status !== 'failed') console.log(`  ✗ ${status}: ${fullName}`);
    }
    for (const { message } of lines ?? []) console.log(`      | ${message}`);
  }
};
