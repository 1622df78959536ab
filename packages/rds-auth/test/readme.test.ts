import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the quickstart of the README makes a pool with a token for the endpoint and the roots of its region', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /## Quickstart\n\n```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'rds-auth-readme-'));
  try {
    symlinkSync(
      fileURLToPath(new URL('../../../node_modules', import.meta.url)),
      join(folder, 'node_modules'),
    );
    const script = join(folder, 'quickstart.mjs');
    writeFileSync(
      script,
      `${code}
      const { host, user, database, max, ssl, password } = pool.options;
      const token = new URL('https://' + (await password()));
      console.log(JSON.stringify({ host, user, database, max, roots: ssl.ca.length > 0, tokenHost: token.host }));
      await pool.end();`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=@postern/source', script], {
      env: { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' },
      timeout: 30_000,
    });
    const host = 'app.cluster-c0example.eu-west-2.rds.amazonaws.com';
    expect(JSON.parse(stdout)).toEqual({
      host,
      user: 'ledger_app',
      database: 'ledger',
      max: 5,
      roots: true,
      tokenHost: `${host}:5432`,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
