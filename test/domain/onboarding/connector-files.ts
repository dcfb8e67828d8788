import { readConnector } from '../../../src/domain/onboarding/connectors-reading';
import type { TemplateContext } from '../../../src/domain/onboarding/connectors-templates.rules';
import type { Connector } from '../../../src/domain/onboarding/connectors.rules';
import { marketplaceToken } from '../../support/backend-compat';

/** A step as a connector file may hold it. */
export function aStep(more: object = {}): Record<string, unknown> {
  return {
    name: 'register',
    request: { method: 'POST', path: '/things', body: { id: '{{input.spreadsheet_id}}' } },
    expect: { status: 200 },
    repeat: 'safe',
    ...more,
  };
}

/** A connector file as JSON text would be parsed. */
export function aConnectorFile(more: object = {}): Record<string, unknown> {
  return {
    name: 'things',
    base_url: 'https://backend.example',
    auth: { kind: 'api-key', secret: { env: 'THINGS_KEY' } },
    steps: [aStep()],
    ...more,
  };
}

/** The variables that these files refer to. */
export const thingsEnv = { THINGS_KEY: 'key-of-things-0001' };

/** The mistakes of one file, as `pointer message`. */
export function mistakesIn(file: unknown, env: Record<string, string> = thingsEnv): string[] {
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  return readConnector(text, env).mistakes.map(({ pointer, message }) => `${pointer} ${message}`);
}

/** Reads a connector file that must be valid. */
export function aConnector(more: object = {}, env: Record<string, string> = {}): Connector {
  const text = JSON.stringify(aConnectorFile(more));
  const { connector, mistakes } = readConnector(text, { ...thingsEnv, ...env });
  if (!connector) throw new Error(JSON.stringify(mistakes));
  return connector;
}

/** The context of an onboarding whose customer has handed everything over. */
export function aContext(more: Partial<TemplateContext> = {}): TemplateContext {
  return {
    input: { spreadsheet_id: 'sheet-0001', owner_email: 'owner@customer.example' },
    tenant: { id: '0198c0de-0000-7000-8000-000000000001', slug: 'acme', name: 'Acme GmbH' },
    onboarding: { id: '0198c0de-0000-7000-8000-000000000002' },
    secret: { wb_token: marketplaceToken('seller-1') },
    extract: {},
    ...more,
  };
}
