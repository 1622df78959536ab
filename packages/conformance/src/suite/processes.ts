import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TunnelOptions } from '@postern/ssm-tunnel';
import { describe, expect, it } from 'vitest';
import type { ConformanceHarness } from '../harness.ts';

/** Rows 10, 11, 19 and 20: programs that use a tunnel. */
export function processes(options: TunnelOptions, { leftovers }: ConformanceHarness): void {
  describe('programs', () => {
    const run = (change: Partial<TunnelOptions>) =>
      promisify(execFile)(
        process.execPath,
        ['--conditions=@postern/source', script('use-once'), JSON.stringify({ ...options, ...change })],
        { timeout: 60_000 },
      );

    it('a program without terminal and input has a tunnel, and prints what it wants and nothing else', async () => {
      expect(await run({})).toEqual({ stdout: 'hello', stderr: '' });
    });

    it('a program whose tunnel cannot be had does not end as if all was well', async () => {
      await expect(run({ target: 'i-00000000000000000' })).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/SSM_(TARGET_NOT_CONNECTED|ACCESS_DENIED)/),
      });
    });

    if (leftovers === undefined) return;

    it('the session of a program that was killed can be found and ended by the next one', async () => {
      const reason = 'a program that is killed';
      const program = spawn(
        process.execPath,
        ['--conditions=@postern/source', script('hold'), JSON.stringify({ ...options, reason })],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(program, 'exit');
      try {
        const [sessionId] = await once(createInterface({ input: program.stdout }), 'line');
        expect(await leftovers.find(reason)).toEqual([]);
        program.kill('SIGKILL');
        await exited;
        const left = [expect.objectContaining({ sessionId })];
        expect(await leftovers.find(reason)).toEqual(left);
        expect(await leftovers.end(reason)).toEqual(left);
        expect(await leftovers.find(reason)).toEqual([]);
      } finally {
        program.kill('SIGKILL');
      }
    });
  });
}

function script(name: 'use-once' | 'hold'): string {
  return fileURLToPath(new URL(`../processes/${name}.ts`, import.meta.url));
}
