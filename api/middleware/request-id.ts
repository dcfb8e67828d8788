import type { RequestHandler } from 'express';
import { newId } from '../../src/platform/ids';
import { withRequestContext } from '../../src/platform/request-context';

const inbound = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/;

/**
 * Gives every request an id of our own, which travels into logs, workflows and activities. An inbound X-Request-Id
 * is only logged, as `client_request_id`.
 */
export const requestId: RequestHandler = (request, response, next) => {
  const id = newId();
  const given = request.get('x-request-id');
  response.setHeader('X-Request-Id', id);
  response.locals['requestId'] = id;
  withRequestContext(
    { requestId: id, ...(given && inbound.test(given) ? { clientRequestId: given } : {}) },
    next,
  );
};
