import { Validator } from '@seriousme/openapi-schema-validator';
import { openApiDocument } from '../../api/openapi';
import { endpoints } from '../../src/contracts/endpoints';
import type { OpenApiDocument } from '../support/openapi';

const document = openApiDocument() as OpenApiDocument;

describe('the OpenAPI document', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(
      structuredClone(document) as unknown as Record<string, unknown>,
    );
    expect({ valid, errors }).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  test('has every endpoint of the table', () => {
    const missing = endpoints
      .filter(({ method, path }) => !document.paths[path]?.[method])
      .map(({ method, path }) => `${method} ${path}`);
    expect(missing).toEqual([]);
  });

  test('has the problem document for every answer of 4xx and 5xx', () => {
    const plain = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, operation]) =>
        Object.entries(
          (operation as { responses?: Record<string, { content?: object; $ref?: string }> })
            .responses ?? {},
        )
          .filter(
            ([status, { content, $ref }]) =>
              /^[45]/.test(status) &&
              // A gateway reads status and headers, and needs no body.
              path !== '/_internal/auth/api-key/verify' &&
              !$ref &&
              !(content && 'application/problem+json' in content) &&
              !(content && 'text/html' in content),
          )
          .map(([status]) => `${method} ${path} ${status}`),
      ),
    );
    expect(plain).toEqual([]);
  });
});
