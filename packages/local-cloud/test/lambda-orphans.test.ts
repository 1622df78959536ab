import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-orphans-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const stateOf = (pid: number): string => {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
  } catch {
    return 'gone';
  }
};

test('functions, frozen and running ones, end with a host that is killed', async () => {
  const script = fileURLToPath(new URL('./fixtures/lambda-host.ts', import.meta.url));
  const host = spawn(process.execPath, ['--conditions=@postern/source', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // What a killed host leaves behind goes with our folder.
    env: { ...process.env, TMPDIR: folder },
  });
  const [line] = (await once(host.stdout, 'data')) as [Buffer];
  const { frozen, running, child } = JSON.parse(line.toString()) as Record<string, number>;
  for (const pid of [frozen, running, child]) expect(stateOf(pid as number)).not.toMatch(/gone|Z/);
  await expect.poll(() => stateOf(frozen as number)).toBe('T');

  host.kill('SIGKILL');
  await once(host, 'exit');
  for (const pid of [frozen, running, child])
    await expect.poll(() => stateOf(pid as number)).toMatch(/gone|Z/);
});
