import { newId } from '../../../src/platform/ids';
import type { PersonWish } from '../../support/identity-people';
import type { TestAnswer, TestApp, TestRequest } from '../../support/test-app';
import { person, signedIn } from '../people';

/** A slug that nobody has. */
export const newSlug = (): string => `t-${newId().slice(-12)}`;

/** The calls of the registry on one app. */
export function registryOf(app: () => TestApp) {
  const create = (
    body: Record<string, unknown> = {},
    request: TestRequest = {},
  ): Promise<TestAnswer> =>
    app().call('POST', '/v1/tenants', {
      body: { slug: newSlug(), name: 'Acme', ...body },
      ...request,
    });
  return {
    create,
    /** A new tenant, as the answer that created it shows it. */
    tenant: async (body: Record<string, unknown> = {}) => (await create(body)).body,
    read: (id: string, request: TestRequest = {}): Promise<TestAnswer> =>
      app().call('GET', `/v1/tenants/${id}`, request),
    patch: (
      id: string,
      version: number,
      body: Record<string, unknown>,
      request: TestRequest = {},
    ): Promise<TestAnswer> =>
      app().call('PATCH', `/v1/tenants/${id}`, {
        ...request,
        body,
        headers: { 'if-match': `"v${String(version)}"`, ...request.headers },
      }),
    /** The browser of somebody with roles in tenants. */
    personOf: async (tenants: PersonWish['tenants'] & {}): Promise<TestRequest> => ({
      anonymous: true,
      headers: await signedIn(app(), await person(app(), { tenants })),
    }),
  };
}
