import { variables } from '../../src/platform/config';
import type { Config } from '../../src/platform/config';

/**
 * Where the terms of use stand: the operator's own page, or our page that says that there is none yet. A `TERMS_URL`
 * that points at our page counts as none, since it would lead in a circle.
 */
export function termsUrlOf(config: Pick<Config, 'TERMS_URL' | 'PUBLIC_URL'>): string {
  const none: readonly string[] = [variables.TERMS_URL.default, `${config.PUBLIC_URL}/terms`];
  return none.includes(config.TERMS_URL) ? '/terms' : config.TERMS_URL;
}
