import { readFileSync } from 'node:fs';
import { CatalogueFile } from '../../contracts/catalogue';
import type { CatalogueEntry } from '../../contracts/catalogue';
import { fieldErrors } from '../../errors/http';
import { ConfigError } from '../../platform/config';

/**
 * Reads the file that a catalogue begins with; an empty path is an empty catalogue.
 * @throws ConfigError naming every mistake in it
 */
export function readCatalogue(path: string): readonly CatalogueEntry[] {
  if (path === '') return [];
  const mistake = (what: string): string => `CATALOG_FILE (${path}) ${what}`;
  const parsed = CatalogueFile.safeParse(parse(path, mistake));
  if (!parsed.success) {
    throw new ConfigError(
      fieldErrors(parsed.error).map(({ pointer, message }) =>
        mistake(`at ${pointer || '/'}: ${message}`),
      ),
    );
  }
  const { products } = parsed.data;
  const names = products.map(({ product }) => product);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) {
    throw new ConfigError(twice.map((name) => mistake(`names the product ${name} twice`)));
  }
  return products;
}

function parse(path: string, mistake: (what: string) => string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new ConfigError([mistake('cannot be read')]);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError([mistake('is no JSON')]);
  }
}
