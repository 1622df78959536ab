import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aws, resolveEnvironment } from '@postern/connect';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** One value for each field that an environment takes from Terraform. */
const sample: Readonly<Record<string, unknown>> = {
  region: 'eu-west-2',
  endpoint: { host: 'app-staging.cluster-c0abcdefghij.eu-west-2.rds.amazonaws.com', port: 5432 },
  resourceId: 'cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  jumpHost: { tag: { 'postern:jump-host': 'app-staging' } },
  document: { name: 'postern-app-staging' },
  bootstrap: 'postern-bootstrap-app-staging',
  testDatabases: 'postern-testdb-app-staging',
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'pio-'));
});
afterAll(() => rmSync(root, { recursive: true }));

/** The fields of the output `postern`. */
function fieldsOf(example: string): string[] {
  const file = new URL(`../../../../infra/examples/${example}/outputs.tf`, import.meta.url);
  const [, output = ''] = /^output "postern" \{\n([\s\S]*?)^\}/m.exec(readFileSync(file, 'utf8')) ?? [];
  return [...output.matchAll(/^ {4}(\w+) *= /gm)].map(([, name]) => name as string);
}

test.each(['complete', 'existing-vpc'])(
  'what the example %s puts out is all that an environment takes, under its names',
  (example) => {
    const fields = fieldsOf(example);
    expect(fields.toSorted()).toEqual(Object.keys(sample).toSorted());
    const value = Object.fromEntries(fields.map((name) => [name, sample[name]]));
    const postern = { sensitive: false, type: 'dynamic', value };
    writeFileSync(join(root, 'staging.json'), JSON.stringify({ postern }));
    const loaded = {
      file: join(root, 'postern.config.ts'),
      root,
      config: { environments: { staging: aws({ terraform: 'staging.json' }) } },
    };
    expect(resolveEnvironment(loaded, 'staging', { env: {} }).settings).toEqual({ kind: 'aws', ...sample });
  },
);
