// The import table of docs/ARCHITECTURE.md: arrows point down only. Edges made by `import type` do not count; they
// are erased before anything runs.

const ours = '^(api|workflows|activities|src|migrations|test|bench|bin)/';
const rules = String.raw`\.rules\.ts$`;
const catalogue = '^src/errors/catalogue/';
const problems = String.raw`^src/errors/(problems\.ts$|catalogue/)`;
const npm = '^node_modules/';
const external = { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] };

const domain = (name) => `^src/domain/${name}/`;
const shared = ['audit', 'secrets', 'mails', 'identity', 'tenants'];

/** A folder may reach, of our own code, only what is listed; its own files always. */
const layer = (name, comment, from, may) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: rules },
  to: { path: ours, pathNot: [from, ...may] },
});

/** A shared domain may import the ones before it and no others. */
const order = shared.map((name, index) => ({
  name: `domain-order-${name}`,
  comment: `Domains build on one another in the order ${shared.join(' → ')}: ${name} knows only those before it.`,
  severity: 'error',
  from: { path: domain(name), pathNot: rules },
  to: { path: '^src/domain/', pathNot: [domain(name), ...shared.slice(0, index).map(domain)] },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment:
        'Two files that need each other are one idea in two places, or an idea that is missing.',
      severity: 'error',
      from: { path: ours },
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that leads nowhere fails at the worst time.',
      severity: 'error',
      from: { path: ours },
      to: { couldNotResolve: true },
    },
    {
      name: 'packages-are-declared',
      comment: 'A package that is there only because another one needs it may be gone tomorrow.',
      severity: 'error',
      from: { path: ours },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-packages-in-production',
      comment: 'The image is built without development packages.',
      severity: 'error',
      from: { path: '^(api|workflows|activities|src|migrations)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },

    layer(
      'contracts-know-only-problems',
      'Contracts are the schema source for every side; they depend on zod and the error catalogue.',
      '^src/contracts/',
      [problems],
    ),
    {
      name: 'contracts-use-only-zod',
      comment: 'Contracts ship to the browser and to other services: zod and nothing else.',
      severity: 'error',
      from: { path: '^src/contracts/' },
      to: { ...external, pathNot: '^node_modules/zod/' },
    },
    layer('errors-know-nothing', 'The catalogue is the ground floor.', '^src/errors/', []),
    {
      name: 'errors-catalogue-uses-nothing',
      comment: 'The catalogue is read in the browser and in the workflow bundle.',
      severity: 'error',
      from: { path: problems },
      to: { path: '.', pathNot: catalogue },
    },
    {
      name: 'errors-translate-for-one-boundary-each',
      comment: 'http.ts knows zod, temporal.ts knows @temporalio/common.',
      severity: 'error',
      from: { path: '^src/errors/' },
      to: { ...external, pathNot: '^node_modules/(zod|@temporalio/common)/' },
    },
    {
      name: 'errors-http-knows-no-temporal',
      comment: 'http.ts translates for HTTP only.',
      severity: 'error',
      from: { path: String.raw`^src/errors/http\.ts$` },
      to: { path: '^node_modules/@temporalio/' },
    },
    {
      name: 'errors-temporal-knows-no-zod',
      comment: 'temporal.ts is part of the workflow bundle, where zod has no place.',
      severity: 'error',
      from: { path: String.raw`^src/errors/temporal\.ts$` },
      to: { path: '^node_modules/zod/' },
    },
    layer(
      'platform-knows-no-domain',
      'The platform carries domains; it does not know what they mean.',
      '^src/platform/',
      ['^src/contracts/', '^src/errors/'],
    ),
    layer(
      'domain-stands-on-platform',
      'Domains know contracts, errors and the platform: no route, no workflow, no activity.',
      '^src/domain/',
      ['^src/contracts/', '^src/errors/', '^src/platform/'],
    ),
    {
      name: 'domain-knows-no-transport',
      comment:
        'A domain writes through the transaction that it is given, and leaves HTTP, mail and Temporal to others.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { path: '^node_modules/(express|@temporalio|pg|knex|nodemailer|smtp-server)/' },
    },
    ...order,
    {
      name: 'domains-do-not-know-each-other',
      comment: `Of other domains only ${shared.join(', ')} may be imported; what two domains share belongs in one of them, or in a workflow.`,
      severity: 'error',
      from: { path: '^src/domain/([^/]+)/', pathNot: [rules, ...shared.map(domain)] },
      to: { path: '^src/domain/', pathNot: ['^src/domain/$1/', ...shared.map(domain)] },
    },
    {
      name: 'rules-are-pure',
      comment:
        'Rules decide; they run in workflows, so they reach contract types, problems and other rules only.',
      severity: 'error',
      from: { path: rules },
      to: { path: '.', pathNot: [rules, problems] },
    },
    layer(
      'activities-drive-domains',
      'One side effect each: activities know domains, platform, contracts and errors.',
      '^activities/',
      ['^src/(domain|platform|contracts|errors)/'],
    ),
    {
      name: 'workflows-are-deterministic',
      comment:
        'Whatever a workflow reaches runs again in a replay. Nothing on the way may reach node or npm besides Temporal itself: move the code into an activity, or import only its type.',
      severity: 'error',
      from: { path: '^workflows/' },
      to: {
        reachable: true,
        pathNot: [
          '^workflows/',
          String.raw`^src/errors/(problems\.ts$|temporal\.ts$|catalogue/)`,
          rules,
          '^node_modules/@temporalio/(workflow|common)/',
        ],
      },
    },
    layer(
      'api-calls-domains',
      'HTTP in and nothing else: routes call domains and read the names of messages.',
      '^api/',
      ['^src/(domain|platform|contracts|errors)/', String.raw`^workflows/messages\.ts$`],
    ),
    {
      name: 'api-writes-no-sql',
      comment: 'SQL lives in src/domain, next to the operation that needs it.',
      severity: 'error',
      from: { path: '^api/' },
      to: { path: '^node_modules/(pg|knex)/' },
    },
    {
      name: 'console-is-a-client',
      comment: 'The console ships to a browser and has no powers of its own.',
      severity: 'error',
      from: { path: '^api/console/' },
      to: { path: ours, pathNot: ['^api/console/', '^src/contracts/', problems] },
    },
    layer(
      'servers-are-outside-things',
      'The embedded servers stand in for what a deployment has outside; they know the platform only.',
      '^src/servers/',
      ['^src/(platform|contracts|errors)/'],
    ),
    {
      name: 'servers-are-for-development',
      comment: 'Only the commands, the tests and the benches start embedded servers.',
      severity: 'error',
      from: { path: ours, pathNot: '^(src/servers|src/main|test|bench)/' },
      to: { path: '^src/servers/' },
    },
    {
      name: 'nobody-imports-main',
      comment: 'src/main is where things are built; what others need is passed to them.',
      severity: 'error',
      from: { path: ours, pathNot: '^(src/main|test|bench|bin)/' },
      to: { path: '^src/main/' },
    },
    {
      name: 'migrations-are-frozen',
      comment: 'A migration does the same in a year as today: it imports nothing but types.',
      severity: 'error',
      from: { path: '^migrations/' },
      to: { path: '.' },
    },
    {
      name: 'nobody-imports-tests',
      comment: 'What production needs does not live among tests.',
      severity: 'error',
      from: { path: ours, pathNot: '^(test|bench)/' },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: npm },
    exclude: { path: '^(dist|coverage|\\.usher|bench/peers)/' },
    tsPreCompilationDeps: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['require', 'node', 'default', 'import', 'types'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.tsx', '.js', '.cjs', '.mjs', '.json', '.d.ts'],
    },
    skipAnalysisNotInRules: true,
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
