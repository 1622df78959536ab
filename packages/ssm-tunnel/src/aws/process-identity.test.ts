import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { isGone, thisProcess } from './process-identity.ts';

function startOf(pid: number | undefined): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

async function withChild(work: (child: ChildProcess, start: string) => Promise<void>): Promise<void> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  await once(child, 'spawn');
  try {
    await work(child, startOf(child.pid));
  } finally {
    child.kill('SIGKILL');
  }
}

it('knows itself, and the same each time', () => {
  const { host, pid, start } = thisProcess();
  expect([pid, start]).toEqual([process.pid, startOf(process.pid)]);
  expect(host).toMatch(/^[0-9a-f]{12}$/);
  expect(thisProcess()).toBe(thisProcess());
  expect(isGone({ pid, start })).toBe(false);
});

it('tells a process that lives from one that was killed', async () => {
  await withChild(async (child, start) => {
    const identity = { pid: child.pid ?? 0, start };
    expect(isGone(identity)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isGone(identity)).toBe(true);
  });
});

it('tells a process from a later one with the same id', async () => {
  await withChild(async (child, start) => {
    expect(isGone({ pid: child.pid ?? 0, start: String(Number(start) - 1) })).toBe(true);
  });
});

it('takes a killed process that its parent has not looked after for gone', async () => {
  // The shell becomes a sleep that never asks for its child, which the kernel then keeps as a zombie.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [line] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    const start = startOf(pid);
    expect(isGone({ pid, start })).toBe(false);
    // Until then it is a shell, which may still look after its child.
    const command = `/proc/${parent.pid}/comm`;
    await vi.waitFor(() => expect(readFileSync(command, 'utf8')).toBe('sleep\n'), 20_000);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /), 20_000);
    expect(isGone({ pid, start })).toBe(true);
  } finally {
    parent.kill('SIGKILL');
  }
});

it('takes a process that it cannot look at for alive', async () => {
  await withChild(async (child) => {
    // No start was known when the mark was made: existence is all there is.
    expect(isGone({ pid: child.pid ?? 0, start: '0' })).toBe(false);
  });
  const denied = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error('not permitted'), { code: 'EPERM' });
  });
  expect(isGone({ pid: 2 ** 31 - 1, start: '1' })).toBe(false);
  denied.mockRestore();
  expect(isGone({ pid: 2 ** 31 - 1, start: '1' })).toBe(true);
});
