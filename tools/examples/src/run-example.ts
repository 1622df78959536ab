import { spawn } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** What a careless shell may have set. The suites must neither reach it nor print it. */
const SOMEBODY_ELSES = 'postgres://app:do-not-print-me@production.example.invalid:5432/app';

/**
 * Installs a copy of the example with the packed packages, outside of this repository, and runs its tests. Gives what
 * npm and vitest printed; throws it when one of them fails, or is ended by the signal.
 */
export async function runExample(
  example: string,
  folder: string,
  tarballs: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const copy = join(folder, basename(example));
  cpSync(example, copy, { recursive: true, filter: (path) => !/[\\/](node_modules|\.cache)$/.test(path) });
  const file = join(copy, 'package.json');
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { devDependencies: Record<string, string> };
  // All of them, also those that come along: none is to be had from a registry.
  for (const [name, tarball] of tarballs) manifest.devDependencies[name] = `file:${tarball}`;
  writeFileSync(file, JSON.stringify(manifest, undefined, 2));
  await run(['install', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'], copy, signal);
  const printed = await run(['test'], copy, signal, { DATABASE_URL: SOMEBODY_ELSES });
  if (printed.includes('do-not-print-me')) throw new Error(`a password was printed:\n${printed}`);
  return printed;
}

async function run(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  signal.throwIfAborted();
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|POSTERN_|NODE_OPTIONS$|INIT_CWD$)/i.test(name),
  );
  const child = spawn('npm', args, {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: '1', ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  });
  const stop = (): void => void child.kill();
  signal.addEventListener('abort', stop);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => signal.removeEventListener('abort', stop));
  if (code !== 0) throw new Error(`npm ${args[0]} in ${basename(cwd)} ended with ${code}:\n${printed}`);
  return printed;
}
