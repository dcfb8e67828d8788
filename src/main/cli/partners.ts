import { createPartner, listPartners } from '../../domain/tenants/partners';
import { withSystem } from '../../platform/db';
import type { Command } from './command';
import { jsonLine } from './json';
import { everyPage } from './pages';
import { withDatabase } from './settings';
import { moment, table } from './table';

/** Creates a reseller. */
export const createPartnerCommand: Command = {
  name: 'partner create',
  summary: 'Create a partner, who can then own tenants',
  options: {
    slug: { value: 'SLUG', about: '3 to 40 of a-z, 0-9 and inner hyphens', required: true },
    name: { value: 'NAME', about: 'Name of the company', required: true },
    json: { about: 'Print JSON' },
  },
  examples: ["--slug northwind --name 'Northwind Traders'"],
  async run(input, io) {
    const partner = await withDatabase(io, (db) =>
      withSystem(db, 'cli', (tx) =>
        createPartner(tx, {
          slug: input.given('slug'),
          name: input.given('name'),
          actorId: 'system:cli',
          component: 'cli',
        }),
      ),
    );
    io.out(
      input.has('json') ? jsonLine(partner) : `Created partner ${partner.slug} (${partner.id}).`,
    );
    return 0;
  },
};

/** Lists resellers. */
export const listPartnersCommand: Command = {
  name: 'partner list',
  summary: 'List partners',
  options: { json: { about: 'Print JSON' } },
  async run(input, io) {
    const partners = await withDatabase(io, (db) =>
      everyPage((keyset) => withSystem(db, 'cli', (tx) => listPartners(tx, keyset))),
    );
    if (input.has('json')) io.out(jsonLine(partners));
    else if (partners.length === 0) io.out('There is none. Create one: usher partner create');
    else {
      const rows = partners.map((one) => [
        one.id,
        one.slug,
        one.name,
        one.status,
        moment(one.createdAt),
      ]);
      io.out(table(['ID', 'SLUG', 'NAME', 'STATUS', 'CREATED (UTC)'], rows));
    }
    return 0;
  },
};
