import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createManifest, describeDatabase } from '../build/manifest.ts';
import { parseManifest } from '../contract/manifest.ts';
import { clashes } from './clashes.ts';
import type { DatabaseDeclaration } from './declaration.ts';
import { declarationProblems } from './problems.ts';

const numRuns = Number(process.env['POSTERN_PROPERTY_RUNS'] ?? 300);

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
});
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
const odd = (arbitrary: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 40, arbitrary }, { weight: 1, arbitrary: anything });
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) =>
  fc.record(Object.fromEntries(Object.entries(model).map(([key, value]) => [key, odd(value)])), {
    requiredKeys: [],
  });
const some = (...items: string[]): fc.Arbitrary<unknown> => fc.subarray(items, { minLength: 1 });
const settings = fc.dictionary(
  fc.constantFrom('jit', 'work_mem', 'search_path', 'app.tenant', 'role', 'statement_timeout'),
  odd(fc.oneof(fc.string({ maxLength: 10 }), fc.double(), fc.boolean())),
  { maxKeys: 3 },
);
const limit = fc.integer({ min: -1, max: 100 });
const custom = optional({
  tables: some('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'),
  sequences: some('USAGE', 'SELECT', 'UPDATE'),
  functions: some('EXECUTE'),
  schemas: some('CREATE'),
  database: some('TEMPORARY', 'CREATE'),
  in: some('public', 'audit'),
});
const intent = fc.constantFrom('readwrite', 'readonly', 'migrator');
const role = fc.oneof(
  intent,
  optional({
    grant: fc.oneof(intent, fc.record({ custom })),
    login: fc.constantFrom('iam', 'passwordless', false),
    connectionLimit: limit,
    settings,
    memberOf: fc.uniqueArray(name, { maxLength: 3 }),
    shared: fc.boolean(),
  }),
);
const declaration = fc
  .tuple(
    odd(name),
    optional({
      owner: name,
      roles: fc.dictionary(name, odd(role), { maxKeys: 4 }),
      extensions: fc.uniqueArray(fc.constantFrom('citext', 'uuid-ossp', 'postgis'), { maxLength: 2 }),
      schemas: some('public', 'audit'),
      encoding: fc.constantFrom('UTF8', 'latin1', 'sql_ascii'),
      locale: optional({
        provider: fc.constantFrom('libc', 'icu', 'builtin'),
        name: fc.constantFrom('C', 'C.UTF-8', 'de-DE', 'en_US.UTF-8'),
      }),
      connectionLimit: limit,
      settings,
      migrations: fc.oneof(
        fc.string(),
        optional({ folder: fc.string() }),
        fc.record({ drizzle: fc.string() }),
      ),
      seed: fc.constant('seed.sql'),
    }),
  )
  .map(([name, rest]) => ({ name, ...rest }));

test('whatever a file exports, there are problems by name or a manifest that the function reads', () => {
  let valid = 0;
  fc.assert(
    fc.property(
      fc.oneof({ weight: 1, arbitrary: anything }, { weight: 9, arbitrary: declaration }),
      (value) => {
        const problems = declarationProblems(value);
        expect(problems.every((problem) => typeof problem === 'string' && problem !== '')).toBe(true);
        if (problems.length > 0) return;
        valid++;
        const declared = value as DatabaseDeclaration;
        expect(clashes([declared]).every((problem) => problem !== '')).toBe(true);
        const database = describeDatabase(
          declared,
          { engine: 'sql', migrations: [], problems: [] },
          Buffer.from('seed'),
        );
        const manifest = createManifest([database], {});
        expect(parseManifest(JSON.stringify(manifest))).toEqual(manifest);
      },
    ),
    { numRuns },
  );
  expect(valid).toBeGreaterThan(numRuns / 20);
});
