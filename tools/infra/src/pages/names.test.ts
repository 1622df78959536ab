import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const read = (...patterns: readonly string[]): string =>
  globSync([...patterns], { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
const infra = read('infra/modules/*/*.tf', 'infra/modules/*/policies/*', 'infra/examples/*/*.tf');
const code = read('packages/*/src/**/*.ts', 'apps/*/database/database.ts', '.github/workflows/*.yml');

/** Names of PostgreSQL and of examples, which neither Terraform nor our code has. */
const elsewhere = new Set(['ledger_report', 'shop_app', 'shop_report', 'by_hand', 'cluster_resource_id']);

test.each(['docs/security.md', 'docs/costs.md', 'docs/guides/the-article-step-by-step.md'])(
  'inputs, settings and roles that %s names are there',
  (page) => {
    const prose = readFileSync(join(root, page), 'utf8').replaceAll(/^```.*?^```$/gms, '');
    const spans = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
    const names = spans
      .flatMap((span) => [...span.matchAll(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/g)].map(([name]) => name))
      .filter((name) => !elsewhere.has(name) && !/^(pt_)?ledger_(owner|migrator)$/.test(name));
    const unknown = new Set(names.filter((name) => !infra.includes(name) && !code.includes(name)));
    expect([...unknown]).toEqual([]);
  },
);

test('what docs/security.md tells auditors to look for is what is written', () => {
  const page = readFileSync(join(root, 'docs/security.md'), 'utf8');
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: as it stands in the sources
  const written: readonly (readonly [told: string, source: string, text: string])[] = [
    ['postern-<run id>-<attempt>-<job>', code, 'postern-${{ github.run_id }}-${{ github.run_attempt }}-'],
    ['postern lease 4u5nnzv1y43l', code, '`postern lease ${run}`'],
    ['`application_name` is `postern-bootstrap`', code, "application_name: 'postern-bootstrap'"],
    [
      '/aws/rds/cluster/app-staging/postgresql',
      infra,
      '/aws/rds/${local.is_aurora ? "cluster" : "instance"}/${var.name}/',
    ],
    ['postern-ci-app-staging', infra, '"postern-${each.key}-${var.name}"'],
    ['`log_connections`', infra, '"log_connections"    = "1"'],
    ['`log_disconnections`', infra, '"log_disconnections" = "1"'],
    ['`iam-db-auth-error`', infra, 'iam-db-auth-error'],
  ];
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as it stands in the sources
  for (const [told, source, text] of written) {
    expect(page).toContain(told);
    expect(source).toContain(text);
  }
});
