import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { waitFor } from './raw-client.ts';

test('the quick start of the README runs, and ends on Ctrl-C', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'ssm-simulator-readme-'));
  try {
    symlinkSync(
      fileURLToPath(new URL('../../../node_modules', import.meta.url)),
      join(folder, 'node_modules'),
    );
    writeFileSync(join(folder, 'quick-start.mjs'), code);
    const child = spawn(process.execPath, ['--conditions=@postern/source', join(folder, 'quick-start.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, FORCE_COLOR: '0' }, // Nx asks for colours, and numbers would get some
      timeout: 20_000,
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const exited = once(child, 'exit');
    const endpoint = await waitFor(
      () => /endpoint URL for your SDK: (\S+)[\s\S]*port behind db\.internal: \d+/.exec(output)?.[1],
    );
    expect(endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(output).toContain('violations of the protocol: []');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
