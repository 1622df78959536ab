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
import { afterEach, expect, test, vi } from 'vitest';
import { root } from './workspace.ts';

/** The files that the README shows, by the name it gives them. */
function filesOf(markdown: string): Map<string, string> {
  const fences = markdown.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms);
  return new Map([...fences].map(([, file = '', text = '']) => [file, text]));
}

const scratch = mkdtempSync(join(tmpdir(), 'pr-'));
const temporary = join(scratch, 'tmp');
afterEach(async () => {
  await vi.waitFor(() => expect(readdirSync(temporary)).toEqual([]), { timeout: 30_000, interval: 100 });
  rmSync(scratch, { recursive: true });
});

test('the five-minute tour of the README works as it is written, with the packages as they are published', {
  timeout: 120_000,
}, async () => {
  chmodSync(scratch, 0o711); // as root, Postgres runs as another user and has to get through
  mkdirSync(temporary);
  const workspace = join(scratch, 'workspace');
  for (const [file, text] of filesOf(readFileSync(join(root, 'README.md'), 'utf8'))) {
    mkdirSync(dirname(join(workspace, file)), { recursive: true });
    writeFileSync(join(workspace, file), text);
  }
  writeFileSync(join(workspace, 'package.json'), '{"type":"module","private":true}');
  symlinkSync(join(root, 'node_modules'), join(workspace, 'node_modules'));
  // The prepared server is a cache; sharing it saves seconds and proves nothing less.
  const prepared = '.cache/postern/postgres';
  mkdirSync(join(root, prepared), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(join(workspace, prepared)), { recursive: true, mode: 0o700 });
  symlinkSync(join(root, prepared), join(workspace, prepared));

  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|POSTERN_|NX_|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$)/.test(name),
  );
  const child = spawn('vitest', ['run', '--config', 'vitest.integration.config.ts'], {
    cwd: join(workspace, 'apps/guestbook'),
    env: {
      ...Object.fromEntries(inherited),
      NO_COLOR: '1',
      TMPDIR: temporary,
      POSTERN_HOST_GRACE_MS: '0',
    },
    shell: process.platform === 'win32',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(output).toContain('Tests  1 passed (1)');
  expect(code).toBe(0);
});
