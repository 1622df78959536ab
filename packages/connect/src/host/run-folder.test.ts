import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Platform, platform } from '../platform.ts';
import { ensureFolder, ensureParent, removeParentIfEmpty, runFolder } from './run-folder.ts';

const identity = { root: '/repo', environment: 'local', awsIdentity: '' };
let base: string;
let here: Platform;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'connect-run-'));
  here = { ...platform, runtimeRoot: () => join(base, 'postern-1') };
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const mode = (path: string): number => statSync(path).mode & 0o777;

describe('the run-time folder', () => {
  it('is the same for the same workspace, environment and identity, and another one otherwise', () => {
    const folder = runFolder(identity, here).folder;
    expect(runFolder({ ...identity }, here).folder).toBe(folder);
    for (const over of [{ root: '/clone' }, { environment: 'staging' }, { awsIdentity: 'me' }]) {
      expect(runFolder({ ...identity, ...over }, here).folder).not.toBe(folder);
    }
  });

  it('is closed to others whatever the umask, and open to the server for passing through when we are root', () => {
    const run = runFolder(identity, here);
    for (const [expected, folderMode] of [
      [0o700, () => 0o700],
      [0o711, () => 0o711],
    ] as const) {
      rmSync(run.parent, { recursive: true, force: true });
      const umask = process.umask(0o077);
      ensureFolder(run, { ...here, folderMode });
      process.umask(umask);
      expect([mode(run.parent), mode(run.folder)]).toEqual([expected, expected]);
    }
  });

  it('gets its mode back when it was there with a wider one', () => {
    const run = runFolder(identity, here);
    mkdirSync(run.parent);
    chmodSync(run.parent, 0o777);
    ensureFolder(run, { ...here, folderMode: () => 0o700 });
    expect(mode(run.parent)).toBe(0o700);
  });

  it('is refused when somebody has put a link in its place', () => {
    const run = runFolder(identity, here);
    symlinkSync(tmpdir(), run.parent);
    expect(() => ensureFolder(run, here)).toThrow(expect.objectContaining({ code: 'CONNECT_FOLDER_UNSAFE' }));
  });

  it('that is too deep for a socket is refused with the way out', () => {
    const deep: Platform = { ...here, runtimeRoot: () => `/${'d'.repeat(100)}` };
    expect(() => runFolder(identity, deep)).toThrow(
      expect.objectContaining({
        code: 'CONNECT_SOCKET_PATH_TOO_LONG',
        kind: 'invalid',
        hint: expect.stringContaining('TMPDIR'),
      }),
    );
    expect(() => runFolder(identity, { ...deep, socketPathBytes: undefined })).not.toThrow();
  });

  it('takes the shared one with it when it was the last', () => {
    const run = runFolder(identity, here);
    const other = runFolder({ ...identity, root: '/clone' }, here);
    ensureFolder(run, here);
    ensureFolder(other, here);
    rmSync(run.folder, { recursive: true });
    removeParentIfEmpty(run);
    expect(existsSync(run.parent)).toBe(true);
    rmSync(other.folder, { recursive: true });
    removeParentIfEmpty(other);
    expect(existsSync(run.parent)).toBe(false);
  });

  it('is made also while a host that ends takes the shared one away', async () => {
    const run = runFolder(identity, here);
    const taking = `const { rmdirSync } = require('node:fs');
      const { parentPort, workerData } = require('node:worker_threads');
      let on = true;
      parentPort.once('message', () => { on = false; });
      parentPort.postMessage('started');
      const turn = () => {
        try { rmdirSync(workerData); } catch {}
        if (on) setTimeout(turn, 0);
      };
      turn();`;
    const worker = new Worker(taking, { eval: true, workerData: run.parent });
    await once(worker, 'message');
    try {
      for (let round = 0; round < 10_000; round += 1) ensureParent(run, here);
    } finally {
      worker.postMessage('stop');
      await once(worker, 'exit');
    }
  });
});
