import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

test('the process ends with code 2 and names the settings that are missing', async () => {
  const child = spawn(process.execPath, [main], { env: {}, stdio: ['ignore', 'ignore', 'pipe'] });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);

  expect(code).toBe(2);
  expect(stderr).toBe(
    'ledger: DATABASE_HOST is not set; DATABASE_NAME is not set; DATABASE_USER is not set\n',
  );
});

test.each(['SIGTERM', 'SIGINT'] as const)('the process listens, answers and leaves on %s', async (signal) => {
  const env = { DATABASE_HOST: '/nonexistent', DATABASE_NAME: 'x', DATABASE_USER: 'x', PORT: '0' };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  try {
    let address: string | undefined;
    for await (const line of createInterface(child.stdout)) {
      address = /http:\/\/[\d.:]+/.exec(line)?.[0];
      if (address !== undefined) break;
    }
    child.stdout.resume();
    expect((await fetch(`${address}/nothing`)).status).toBe(404);

    child.kill(signal);
    expect(await exit).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});
