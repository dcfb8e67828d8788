import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BlueprintsFile } from '../../contracts/connectors';
import { DomainError } from '../../errors/problems';
import { limitsOf } from './connectors.rules';
import type { Blueprint, Connector, PathLimit } from './connectors.rules';
import { parseJson, readConnector } from './connectors-reading';
import type { Environment } from './connectors-reading';
import type { Mistake } from './connectors-validation.rules';
import { pointerOf } from './connectors-values.rules';
import { schemaMistakes } from './schema-mistakes';

/** A mistake and the file that it is in. */
export interface FileMistake extends Mistake {
  readonly file: string;
}

/** Who the blueprint is for; `wanted` is the one that an invite names. */
export interface BlueprintChoice {
  readonly plan?: string | null | undefined;
  readonly kind?: string | null | undefined;
  readonly wanted?: string | null | undefined;
}

/** The connectors and blueprints of this deployment. */
export interface Connectors {
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly blueprints: ReadonlyMap<string, Blueprint>;
  /** Every limited path of every connector. */
  readonly limits: readonly PathLimit[];
  /** The name of the blueprint that a tenant gets. Throws `blueprint-not-found` for an unknown or unusable wanted one. */
  blueprintFor(choice: BlueprintChoice): string;
}

/**
 * Reads every connector file of a folder and its `blueprints.json`. Throws one Error whose message lists every mistake
 * of every file, for boot to print.
 */
export function loadConnectors(options: { dir: string; env: Environment }): Connectors {
  const { connectors, mistakes } = inspectConnectors(options);
  if (connectors === undefined) {
    const list = mistakes.map(describeMistake).join('\n');
    throw new Error(`The connectors are not valid:\n${list}`);
  }
  return connectors;
}

/** One line for a mistake: file, place and what to do. */
export function describeMistake({ file, pointer, message }: FileMistake): string {
  return `  ${file} ${pointer === '' ? '(whole file)' : pointer}: ${message}`;
}

const blueprintsName = 'blueprints.json';

/** Like `loadConnectors`, but tells the mistakes instead of throwing; without any the connectors are there. */
export function inspectConnectors({ dir, env }: { dir: string; env: Environment }): {
  connectors: Connectors | undefined;
  mistakes: FileMistake[];
} {
  const mistakes: FileMistake[] = [];
  const found = new Map<string, { connector: Connector; file: string }>();
  const unreadable = new Set<string>();
  for (const file of connectorFiles(dir, mistakes)) {
    const read = readConnector(readFileSync(join(dir, file), 'utf8'), env);
    mistakes.push(...read.mistakes.map((mistake) => ({ file, ...mistake })));
    const name = read.connector?.name ?? read.name;
    const other = name === undefined ? undefined : found.get(name);
    if (other) {
      mistakes.push({
        file,
        pointer: '/name',
        message: `is also the name in ${other.file}; rename one`,
      });
    } else if (read.connector) found.set(read.connector.name, { connector: read.connector, file });
    else if (name !== undefined) unreadable.add(name);
  }
  const blueprints = readBlueprints(dir, found, unreadable, mistakes);
  if (mistakes.length > 0 || blueprints === undefined) return { connectors: undefined, mistakes };
  const connectors = new Map([...found].map(([name, { connector }]) => [name, connector]));
  return { connectors: assemble(connectors, blueprints), mistakes };
}

function connectorFiles(dir: string, mistakes: FileMistake[]): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .filter((name) => name.endsWith('.json') && name !== blueprintsName)
      .sort();
  } catch {
    const message = 'is no folder that can be read; set CONNECTORS_DIR to the connector folder';
    mistakes.push({ file: dir, pointer: '', message });
    return [];
  }
}

function readBlueprints(
  dir: string,
  found: ReadonlyMap<string, { connector: Connector; file: string }>,
  unreadable: ReadonlySet<string>,
  mistakes: FileMistake[],
): BlueprintsFile | undefined {
  const report = (path: PropertyKey[], message: string, file = blueprintsName) =>
    mistakes.push({ file, pointer: pointerOf(path), message });
  let text: string;
  try {
    text = readFileSync(join(dir, blueprintsName), 'utf8');
  } catch {
    report([], `is missing in ${dir}; write which connectors a tenant gets`);
    return undefined;
  }
  const document = parseJson(text);
  if ('mistake' in document) {
    mistakes.push({ file: blueprintsName, ...document.mistake });
    return undefined;
  }
  const parsed = BlueprintsFile.safeParse(document.value);
  if (!parsed.success) {
    for (const mistake of schemaMistakes(parsed.error.issues, document.value)) {
      mistakes.push({ file: blueprintsName, ...mistake });
    }
    return undefined;
  }
  const { blueprints, select } = parsed.data;
  if (!Object.hasOwn(blueprints, 'default')) {
    report(['blueprints', 'default'], 'is missing; add what a tenant gets when nothing else fits');
  }
  select.forEach(({ blueprint }, index) => {
    if (Object.hasOwn(blueprints, blueprint)) return;
    report(['select', index, 'blueprint'], `names ${blueprint}, which is no blueprint; add it`);
  });
  const selected = new Set(['default', ...select.map(({ blueprint }) => blueprint)]);
  for (const [name, { connectors }] of Object.entries(blueprints)) {
    connectors.forEach((connectorName, index) => {
      const path = ['blueprints', name, 'connectors', index];
      const known = found.get(connectorName);
      if (connectors.indexOf(connectorName) !== index) {
        report(path, `names ${connectorName} a second time; remove it`);
      } else if (known === undefined && !unreadable.has(connectorName)) {
        report(path, `names ${connectorName}, but no file in ${dir} declares it; add the file`);
      } else if (known && known.connector.unset.length > 0 && selected.has(name)) {
        const names = known.connector.unset.join(', ');
        report(path, `names ${connectorName}, which lacks environment variables; set ${names}`);
      }
    });
  }
  return parsed.data;
}

function assemble(
  connectors: ReadonlyMap<string, Connector>,
  { blueprints: declared, select }: BlueprintsFile,
): Connectors {
  // A connector is a blueprint of its own name, so that an invite can ask for it alone.
  const blueprints = new Map<string, Blueprint>(
    [...connectors.values()].map((connector) => {
      const { name, title } = connector;
      return [name, { name, title, connectors: [connector] }];
    }),
  );
  for (const [name, { title, connectors: names }] of Object.entries(declared)) {
    const members = names.flatMap((member) => connectors.get(member) ?? []);
    blueprints.set(name, { name, title: title ?? name, connectors: members });
  }
  return {
    connectors,
    blueprints,
    limits: [...connectors.values()].flatMap(limitsOf),
    blueprintFor({ plan, kind, wanted }) {
      if (wanted) return usable(blueprints, wanted);
      const fitting = select.find(
        (rule) =>
          (rule.plan === undefined || rule.plan === plan) &&
          (rule.kind === undefined || rule.kind === kind),
      );
      return fitting?.blueprint ?? 'default';
    },
  };
}

// A blueprint that only an invite can name may wait for its settings; the invite that comes too early is told.
function usable(blueprints: ReadonlyMap<string, Blueprint>, wanted: string): string {
  const blueprint = blueprints.get(wanted);
  if (blueprint === undefined) {
    throw new DomainError('blueprint-not-found', {
      detail: `There is no blueprint ${wanted}; there are ${[...blueprints.keys()].join(', ')}.`,
    });
  }
  const lacking = blueprint.connectors.filter(({ unset }) => unset.length > 0);
  if (lacking.length > 0) {
    const missing = lacking.map(({ name, unset }) => `${name} (${unset.join(', ')})`).join('; ');
    throw new DomainError('blueprint-not-found', {
      detail: `The blueprint ${wanted} is not set up: environment variables are missing for ${missing}.`,
    });
  }
  return wanted;
}
