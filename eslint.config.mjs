import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const noDefaultExport = {
  selector: ':matches(ExportDefaultDeclaration, ExportSpecifier[exported.name="default"])',
  message: 'Export by name: a default export is called something else in every importing file.',
};

const noBarrel = {
  selector: ':matches(ExportAllDeclaration, ExportNamedDeclaration[source])',
  message: 'Import from the file that declares it: a barrel hides which file is used.',
};

const noSqlInRoutes = {
  selector:
    'CallExpression[callee.object.name=/^(tx|client|pool)$/][callee.property.name=/^(rows|one|maybe|run|query)$/]',
  message: 'SQL lives in src/domain, next to the operation that needs it.',
};

const noClock = [
  {
    selector: 'MemberExpression[object.name="Date"][property.name="now"]',
    message: 'A rule has no clock: take `now` as an argument.',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'A rule has no clock: take `now` as an argument.',
  },
  {
    selector: 'MemberExpression[object.name="Math"][property.name="random"]',
    message: 'A rule has no chance in it: take the value as an argument.',
  },
];

const everyTestRuns = {
  selector:
    ':matches(MemberExpression[object.name=/^(describe|it|test)$/][property.name=/^(skip|only|todo|failing)$/], Identifier[name=/^(xit|xtest|xdescribe|fit|fdescribe)$/])',
  message: 'Every test runs: a skipped one counts as failed.',
};

const house = [noDefaultExport, noBarrel];

const nodeGlobals = Object.fromEntries(
  [
    'AbortController AbortSignal Buffer URL URLSearchParams clearInterval clearTimeout console',
    'fetch performance process setImmediate setInterval setTimeout',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, 'readonly']),
);

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.usher/', 'coverage/', 'test-results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // `tx.rows<Row>(sql)`: only its caller knows what a query answers.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `[...text]` splits by code point, which is what it is written for.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', 400],
      'no-console': 'error',
      // Control characters are just what many of our patterns refuse.
      'no-control-regex': 'off',
      'no-restricted-syntax': ['error', ...house],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'] }],
      'object-shorthand': 'error',
    },
  },
  {
    files: ['workflows/index.ts', 'activities/index.ts'],
    rules: { 'no-restricted-syntax': ['error', noDefaultExport] },
  },
  {
    files: ['api/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...house, noSqlInRoutes] },
  },
  {
    files: ['**/*.rules.ts'],
    rules: { 'no-restricted-syntax': ['error', ...house, ...noClock] },
  },
  {
    files: ['src/main/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', ...house, everyTestRuns],
      // Answers of real servers are `any` until the test looks at them; a wrong look fails the test itself.
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-console': 'off',
    },
  },
  {
    // Jest calls these by their default export.
    files: ['test/support/{environment,global-setup,global-teardown}.ts'],
    rules: { 'no-restricted-syntax': ['error', noBarrel, everyTestRuns] },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: nodeGlobals },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { ...nodeGlobals, module: 'writable', require: 'readonly', __dirname: 'readonly' },
    },
  },
);
