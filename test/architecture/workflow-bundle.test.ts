import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { root } from './tree';

/** What Temporal's own workflow library is made of; everything else in a bundle is ours or a mistake. */
const temporalsOwn = /^(@temporalio\/(workflow|common)|nexus-rpc|long|ms)$/;

/** Temporal's own bundler; it refuses every module of Node by itself. */
async function bundle(): Promise<string> {
  const interceptors = join(root, 'workflows', 'interceptors.ts');
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'workflows', 'index.ts'),
    workflowInterceptorModules: existsSync(interceptors) ? [interceptors] : [],
    logger: new DefaultLogger('ERROR'),
  });
  return code;
}

/** Names of packages whose modules are in the bundle; webpack labels each module with its path. */
function packagesIn(code: string): string[] {
  const paths = code.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g);
  return [...new Set([...paths].map(([, name = '']) => name))].sort();
}

describe('the workflow bundle', () => {
  let code: string;
  beforeAll(async () => {
    code = await bundle();
  }, 60_000);

  test('holds no package besides Temporal’s own', () => {
    expect(packagesIn(code).filter((name) => !temporalsOwn.test(name))).toEqual([]);
  });

  test('holds of our sources only workflows, errors and rules', () => {
    const ours = [
      ...code.matchAll(/^\/\*{3}\/ "\.\/((?:workflows|src|activities|api)\/[^"]+)"/gm),
    ].map(([, path = '']) => path);
    const strange = ours.filter(
      (path) =>
        !/^workflows\/|^src\/errors\/(problems\.ts$|temporal\.ts$|catalogue\/)|\.rules\.ts$/.test(
          path,
        ),
    );
    expect(ours).toContain('workflows/index.ts');
    expect(strange).toEqual([]);
  });
});
