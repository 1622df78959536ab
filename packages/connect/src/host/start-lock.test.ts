import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thisProcess } from './process-identity.ts';
import { takeStartLock } from './start-lock.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-lock-'));
  file = join(folder, 'x.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const take = (over: Partial<Parameters<typeof takeStartLock>[1]> = {}) =>
  takeStartLock(file, { timeoutMs: 10_000, prepare: () => mkdirSync(folder, { recursive: true }), ...over });

const dead = JSON.stringify({ pid: 2 ** 22 - 1, start: '1' });

describe('the start lock', () => {
  it('is held by one at a time, and everybody gets it', async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const lock = await take();
        holders += 1;
        most = Math.max(most, holders);
        await new Promise((resolve) => setImmediate(resolve));
        holders -= 1;
        lock.release();
      }),
    );
    expect(most).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['a process that has ended', dead],
    ['an earlier process with our id', JSON.stringify({ ...thisProcess(), start: '1' })],
    ['nobody, because it is damaged', '{'],
    ['nobody, because it is empty', ''],
  ])('is taken from %s', async (_, content) => {
    writeFileSync(file, content);
    (await take()).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken although whoever was breaking it was killed', async () => {
    writeFileSync(file, dead);
    writeFileSync(`${file}.break`, '');
    utimesSync(`${file}.break`, new Date(0), new Date(0));
    (await take()).release();
    expect(existsSync(`${file}.break`)).toBe(false);
  });

  it('survives that its folder is removed in the meantime', async () => {
    rmSync(folder, { recursive: true });
    const lock = await take();
    expect(existsSync(file)).toBe(true);
    lock.release();
  });

  it('that is held for too long is reported with its holder; waiting for it can be cancelled', async () => {
    const lock = await take();
    await expect(take({ timeoutMs: 0 })).rejects.toMatchObject({
      code: 'CONNECT_HOST_START_TIMEOUT',
      message: expect.stringContaining(String(process.pid)),
    });
    const reason = new Error('no longer');
    await expect(take({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    lock.release();
  });
});
