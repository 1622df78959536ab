import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type Compiled, compile, type OnInput } from './compile.ts';
import { shown } from './find-declarations.ts';
import { checksum, type ReadMigrations } from './migrations.ts';

/** How long a migrator may take to say its hash. */
const hashTimeoutMs = 60_000;

/** Its answer is the last thing on standard output, whatever it prints before. */
const mark = 'postern-migrator:';

/**
 * Compiles a migrator with all that it imports, and asks for its hash. That runs in a process of its own: the working
 * folder belongs to the whole process, and the module may leave anything behind.
 */
export async function readMigratorModule(
  root: string,
  path: string,
  declarationFile: string,
  onInput?: OnInput,
): Promise<ReadMigrations> {
  const compiled = await compile({ file: path, root, as: 'migrator', onInput });
  const folder = dirname(declarationFile);
  if (onInput) await tellFolder(folder, onInput);
  const { hash, problem } = await askForHash(compiled, folder);
  if (hash === undefined)
    return { engine: 'module', migrations: [], problems: [`${shown(root, path)}: ${problem}`] };
  return { engine: 'module', migrations: [], module: { compiled, sha256: checksum(hash) }, problems: [] };
}

/** The hash may be of any file beside the declaration; nobody says which. */
async function tellFolder(folder: string, onInput: OnInput): Promise<void> {
  onInput(folder);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await tellFolder(path, onInput);
    else onInput(path);
  }
}

async function askForHash(
  { code }: Compiled,
  cwd: string,
): Promise<
  { readonly hash: string; readonly problem?: never } | { readonly hash?: never; readonly problem: string }
> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-'));
  try {
    const file = join(folder, 'migrator.mjs');
    await writeFile(file, code);
    const script = `const { default: migrator } = await import(${JSON.stringify(pathToFileURL(file).href)});
const missing = ['hash', 'migrate'].filter((name) => typeof migrator?.[name] !== 'function');
const answer = missing.length > 0 ? { missing } : { hash: await migrator.hash() };
process.stdout.write('\\n${mark}' + JSON.stringify(answer), () => process.exit());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        cwd,
        env: { ...process.env, NODE_OPTIONS: '' },
        timeout: hashTimeoutMs,
        maxBuffer: 64 << 20,
      },
    );
    const answer = stdout.slice(stdout.lastIndexOf(mark) + mark.length);
    const { hash, missing } = JSON.parse(answer) as { hash?: unknown; missing?: string[] };
    if (missing) {
      return {
        problem: `the default export has no ${missing.map((name) => `${name}()`).join(' and no ')}: it must be a Migrator of @postern/bootstrap`,
      };
    }
    if (typeof hash === 'string' && hash !== '') return { hash };
    return { problem: `hash() must give a text, and gave ${hash === '' ? 'an empty one' : typeof hash}` };
  } catch (error) {
    const { killed, stderr = '', message } = error as { killed?: boolean; stderr?: string; message: string };
    if (killed) return { problem: `hash() has not answered within ${hashTimeoutMs / 1000} s` };
    const line = stderr.split('\n').find((text) => /^(?:Uncaught )?\w*(?:Error|Exception)\b.*:/.test(text));
    return {
      problem: `it throws when its hash is asked for: ${line ?? (stderr.trim().slice(-500) || message)}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
