import { z } from 'zod';
import { Id, ListQuery, Time, endpoint } from './http';

/** A domain event. */
export const Event = z
  .strictObject({
    id: Id,
    type: z.string().meta({ description: '`<noun>.<past participle>.v<n>`' }),
    tenant_id: Id.nullable(),
    data: z.record(z.string(), z.unknown()),
    request_id: z.string().nullable(),
    at: Time,
  })
  .meta({ id: 'Event' });

/** Events from a position on. */
export const EventPage = z
  .strictObject({
    items: z.array(Event),
    next_cursor: z.string().meta({
      description: '`after` of the next request; the same again when there was nothing new',
    }),
  })
  .meta({ id: 'EventPage' });

/** Events for readers that poll. */
export const eventEndpoints = [
  endpoint({
    operationId: 'listEvents',
    method: 'get',
    path: '/v1/events',
    tag: 'events',
    summary: 'Domain events in the order of their transactions; none is ever skipped',
    access: 'events:read',
    query: z.strictObject({
      limit: ListQuery.shape.limit,
      after: z.string().min(1).max(1000).optional().meta({
        description: '`next_cursor` of the answer before; without it from the first event on',
      }),
    }),
    responses: { 200: EventPage },
    problems: ['cursor-invalid'],
  }),
] as const;
