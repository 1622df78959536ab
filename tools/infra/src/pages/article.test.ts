import { spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LocalCloud, startLocalCloud } from '@postern/local-cloud';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { renderPolicy } from '../policies/render-policy.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const guide = readFileSync(join(root, 'docs/guides/the-article-step-by-step.md'), 'utf8');
const fences = [...guide.matchAll(/^```(\w+) (\w+)=(\S+)\n(.*?)^```$/gms)].map(
  ([, , kind = '', name = '', text = '']) => ({ kind, name, text }),
);

const scratch = mkdtempSync(join(tmpdir(), 'pa-'));
const temporary = join(scratch, 'tmp');
const workspace = join(scratch, 'workspace');

beforeAll(() => {
  chmodSync(scratch, 0o711); // as root, Postgres runs as another user and has to get through
  mkdirSync(temporary);
  for (const { kind, name, text } of fences) {
    if (kind !== 'file') continue;
    const file = join(workspace, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeFileSync(join(workspace, 'package.json'), '{"type":"module","private":true}');
  symlinkSync(join(root, 'node_modules'), join(workspace, 'node_modules'));
  const prepared = '.cache/postern/postgres';
  mkdirSync(join(root, prepared), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(join(workspace, prepared)), { recursive: true, mode: 0o700 });
  symlinkSync(join(root, prepared), join(workspace, prepared));
});

afterAll(async () => {
  await vi.waitFor(() => expect(readdirSync(temporary)).toEqual([]), { timeout: 30_000, interval: 100 });
  rmSync(scratch, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command of the guide in its workspace, with the packages from their sources. */
async function run(
  command: string,
  args: readonly string[],
  { folder = '', env = {} }: { folder?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|POSTERN_|AWS_|NX_|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$)/.test(name),
  );
  const child = spawn(command, args, {
    cwd: join(workspace, folder),
    env: {
      ...Object.fromEntries(inherited),
      NO_COLOR: '1',
      NODE_OPTIONS: '--conditions=@postern/source',
      TMPDIR: temporary,
      POSTERN_HOST_GRACE_MS: '0',
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

// Side by side, as they wait for processes of theirs: together they take little more than the longer one.
test.concurrent('the suite at the end of the guide runs as it is written', { timeout: 120_000 }, async () => {
  const { code, output } = await run('vitest', ['run', '--config', 'vitest.integration.config.ts'], {
    folder: 'apps/shop',
  });
  expect(output).toContain('Tests  1 passed (1)');
  expect(code).toBe(0);
});

/** What the article types on the jump host, and a table. */
async function typedByHand(cloud: LocalCloud): Promise<void> {
  const { Client } = await import('pg');
  const as = async (database: string, statements: readonly string[]): Promise<void> => {
    const client = new Client(cloud.postgres.superuserConfig(database));
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  await as('postgres', ['CREATE DATABASE shop', 'CREATE USER shop_report', 'GRANT rds_iam TO shop_report']);
  await as('shop', [
    fences.find(({ name }) => name.endsWith('0001_orders.sql'))?.text ?? '',
    "INSERT INTO orders (customer, cents) VALUES ('Grace', 4200)",
    'GRANT SELECT ON orders TO shop_report',
  ]);
}

test.concurrent('the query works with the policies of ci-access alone, and with the policy of the article fails as the guide says', {
  timeout: 120_000,
}, async () => {
  const cloud = await startLocalCloud({ cacheDir: join(root, '.cache/postern') });
  try {
    await typedByHand(cloud);
    const { region, accountId, cluster, jumpHost, document } = cloud;
    const [[key = '', value = ''] = []] = Object.entries(jumpHost.tags);
    const arn = { partition: 'aws', region, account_id: accountId };
    const login = (id: string): string => `arn:aws:rds-db:${region}:${accountId}:dbuser:${id}/shop_report`;
    const roles = {
      'postern-developer-app-staging': cluster.resourceId,
      'as-in-the-article': cluster.identifier,
    };
    for (const [role, id] of Object.entries(roles))
      cloud.iam.createRole(role, {
        trust: renderPolicy('ci-access/trust-principals', {
          principal_arns: [`arn:aws:iam::${accountId}:root`],
        }),
        policies: {
          tunnel: renderPolicy('ci-access/ci-tunnel', {
            ...arn,
            document_arn: `arn:aws:ssm:${region}:${accountId}:document/${document.name}`,
          }),
          target: renderPolicy('ci-access/ci-target-instance', {
            target_arns: [`arn:aws:ec2:${region}:${accountId}:instance/*`],
            tag_key: key,
            tag_value: value,
          }),
          discover: renderPolicy('ci-access/discover-jump-host', {}),
          connect: renderPolicy('ci-access/developer-connect', { user_arns: [login(id)] }),
        },
      });
    // As `terraform output -json postern` writes it.
    mkdirSync(join(workspace, 'infra'));
    writeFileSync(
      join(workspace, 'infra/staging.json'),
      JSON.stringify({
        region,
        endpoint: { host: cluster.endpoint, port: cluster.port },
        resourceId: cluster.resourceId,
        jumpHost: { tag: { [key]: value } },
        document,
      }),
    );
    writeFileSync(join(workspace, 'ca.pem'), cluster.caPem);
    const [asked, refused] = await Promise.all(
      Object.keys(roles).map((role) =>
        run(process.execPath, ['scripts/orders.ts'], {
          env: { ...cloud.environment(role), POSTERN_CA_FILE: join(workspace, 'ca.pem') },
        }),
      ),
    );
    expect(asked?.output).toContain('Grace');
    expect(asked?.code).toBe(0);
    expect(refused?.output).toContain(fences.find(({ kind }) => kind === 'error')?.text.trim());
    expect(refused?.code).toBe(1);
  } finally {
    await cloud.close();
  }
});

test('the settings in which our cluster is not that of the article are those that the module has', () => {
  const [, told = ''] = /Three defaults are others: (.*?)\. The CA identifier/s.exec(guide) ?? [];
  const read = (file: string): string => readFileSync(join(root, 'infra/modules/database', file), 'utf8');
  const capacity = /max\s+= optional\(number, (\d+)\)/.exec(read('variables.tf'))?.[1];
  const ca = /variable "ca_cert_identifier"[^}]*?default\s+= "([^"]+)"/s.exec(read('variables.tf'))?.[1];
  const version = /is_aurora \? "(\d+\.\d+)"/.exec(read('main.tf'))?.[1];
  expect(told).toContain(`the version is ${version},`);
  expect(told).toContain(`the largest capacity is ${capacity} ACU and not 16`);
  expect(told).toContain(`the CA \`${ca}\``);
});

test('the steps are those of the article, none left out', () => {
  const steps = [...guide.matchAll(/^## (\d+)\. /gm)].map(([, number]) => Number(number));
  expect(steps).toEqual(steps.map((_, index) => index + 1));
  expect(steps).toHaveLength(12);
});
