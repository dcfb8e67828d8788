import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { openApi } from './api-client';
import type { Command } from './command';

/** Filters that are handed on as they are. */
const filters = ['product', 'action', 'since', 'until', 'q'] as const;

/** Writes entries of the audit log into a file that can be verified without Usher. */
export const exportAudit: Command = {
  name: 'audit export',
  summary: 'Write entries of the audit log into a file that can be verified without Usher',
  options: {
    tenant: { value: 'SLUG', about: 'Only this tenant’s entries, by slug or id' },
    out: { value: 'FILE', about: 'The file; replaced once the export is whole', required: true },
    format: { value: 'FORMAT', about: 'ndjson (the default), or csv for people' },
    'from-checkpoint': {
      value: 'SIZE',
      about: 'Size of a checkpoint that you keep: proves that the log continues it',
    },
    product: { value: 'NAME', about: 'Only entries of this product' },
    action: { value: 'ACTION', about: 'Only this action and everything below it' },
    since: { value: 'TIME', about: 'Only entries of this time or later' },
    until: { value: 'TIME', about: 'Only entries of this time or earlier' },
    q: { value: 'TEXT', about: 'Only entries that have this text' },
  },
  notes: [
    'Check the file with: node dist/audit-verify.mjs FILE --key VKEY. Without filters it is complete: nothing can be left out unseen. Goes through the public API: set USHER_URL and USHER_KEY, or run it where bin/dev or bin/demo runs.',
  ],
  examples: [
    '--tenant acme --out acme.ndjson',
    '--out log.csv --format csv --since 2026-01-01T00:00:00Z',
  ],
  async run(input, io) {
    const api = openApi(io);
    const query = new URLSearchParams();
    const tenant = input.text('tenant');
    if (tenant !== undefined) {
      const { id } = await api.get(`/tenants/${encodeURIComponent(tenant)}`);
      query.set('tenant_id', String(id));
    }
    for (const name of filters) {
      const value = input.text(name);
      if (value !== undefined) query.set(name, value);
    }
    query.set('format', input.text('format') ?? 'ndjson');
    const from = input.text('from-checkpoint');
    if (from !== undefined) query.set('from_checkpoint', from);
    const out = input.given('out');
    const begun = `${out}.part`;
    const body = await api.download(`/audit/export?${query.toString()}`);
    try {
      await pipeline(body, createWriteStream(begun));
      await rename(begun, out);
    } catch (error) {
      await rm(begun, { force: true });
      throw error;
    }
    io.out(`${out} is written.`);
    return 0;
  },
};
