import { basename } from 'node:path';
import * as ts from 'typescript';
import { filesIn, occurrences, read, sources } from './tree';

const programs = filesIn('bin').filter((path) => /\.[cm]js$/.test(path));

describe('every file', () => {
  test('has at most 400 lines', () => {
    const long = [...sources(), ...programs]
      .map((path) => ({ path, lines: read(path).trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > 400)
      .map(({ path, lines }) => `${path} (${lines})`);
    expect(long).toEqual([]);
  });

  test('is named in kebab-case, for what it holds', () => {
    const odd = sources().filter(
      (path) =>
        !/^(\d{14}_[a-z0-9_]+|[a-z0-9]+(-[a-z0-9]+)*(\.rules)?(\.(test|d))?)\.tsx?$/.test(
          basename(path),
        ),
    );
    expect(odd).toEqual([]);
  });

  test('has a place of its own instead of a drawer called utils, helpers or common', () => {
    const drawers = sources().filter((path) =>
      path.split('/').some((part) => /^(utils?|helpers?|common|misc|shared)(\.|$)/.test(part)),
    );
    expect(drawers).toEqual([]);
  });

  test('holds finished work: no mark of something to do, no debugger', () => {
    const marks = new RegExp(
      `\\b(${['TO', 'FIX'].map((half) => `${half}${half === 'TO' ? 'DO' : 'ME'}`).join('|')})\\b|^\\s*debugger;`,
    );
    expect(occurrences([...sources(), ...programs], marks)).toEqual([]);
  });
});

describe('the words', () => {
  test('are those of the product: one word for one thing', () => {
    // invite, tenant, API key, allow-list and so on: the vocabulary, and what it replaces.
    const synonyms =
      /\b(invitations?|organi[sz]ations?|customer accounts?|api[ -]tokens?|master key|white-?list|black-?list)\b/i;
    const code = sources('api', 'workflows', 'activities', 'src', 'migrations').filter(
      (path) => !/^(api\/pages\/messages|src\/platform\/mail)\//.test(path),
    );
    expect(occurrences(code, synonyms)).toEqual([]);
  });
});

describe('every export', () => {
  test('has a sentence that says what it is', () => {
    const bare = sources('api', 'workflows', 'activities', 'src', 'test/support').flatMap(
      undocumentedExports,
    );
    expect(bare).toEqual([]);
  });

  test('has a name: nothing is exported as default', () => {
    const allowed = /^test\/support\/(environment|global-setup|global-teardown)\.ts$/;
    const found = occurrences(
      sources().filter((path) => !allowed.test(path)),
      /^export default /,
    );
    expect(found).toEqual([]);
  });
});

/** Exported declarations without a doc comment; a const and a type of one name share one. */
function undocumentedExports(path: string): string[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true);
  const documented = new Set<string>();
  const bare: { name: string; line: number }[] = [];
  for (const statement of file.statements) {
    if (!ts.canHaveModifiers(statement)) continue;
    const exported = ts
      .getModifiers(statement)
      ?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!exported) continue;
    const line = file.getLineAndCharacterOfPosition(statement.getStart()).line + 1;
    for (const name of declaredNames(statement)) {
      if (hasDoc(file, statement)) documented.add(name);
      else bare.push({ name, line });
    }
  }
  return bare
    .filter(({ name }) => !documented.has(name))
    .map(({ name, line }) => `${path}:${line}: ${name}`);
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const { name } = statement as { name?: ts.Node };
  return name ? [name.getText()] : [];
}

function hasDoc(file: ts.SourceFile, statement: ts.Statement): boolean {
  const comments = ts.getLeadingCommentRanges(file.text, statement.getFullStart()) ?? [];
  return comments.some(({ pos }) => file.text.startsWith('/**', pos));
}
