import type { Knex } from 'knex';

/**
 * Notes the request that an order was given by: an order is carried out on its behalf by whoever looks first, and a
 * worker may look before the wake-up that names the request has arrived.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`alter table orders add column request_id text`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`alter table orders drop column request_id`);
}
