import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** The environment that a run would use, or why that cannot be said (then nothing is cached). */
export type EnvironmentFact = { name: string; kind: string } | { unknown: string };

const CONFIG_FILES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `postern.config.${extension}`);

/**
 * Only `@postern/connect` knows what a configuration means. It is asked in a process of its own: this plugin
 * is loaded by Nx without the export conditions of the workspace, and a user's configuration must not
 * be able to change the process that makes the project graph.
 */
const QUESTION = `
const { loadConfig, resolveEnvironment } = await import('@postern/connect');
const { name, settings } = resolveEnvironment(await loadConfig({ cwd: process.cwd() }));
process.stdout.write('\\n' + JSON.stringify({ name, kind: settings.kind }));
process.exit(0);
`;

/** Reading may start a process; 15 s is far more than it takes and keeps a hanging configuration from hanging Nx. */
const READ_TIMEOUT_MS = 15_000;

/**
 * Reads the environment once per content of `postern.config.*` and value of POSTERN_ENV: the answer is remembered in
 * `.cache/postern`, unless the configuration imports files of the workspace, whose content is not in the key.
 */
export async function readEnvironment(
  workspaceRoot: string,
  env: Readonly<Record<string, string>>,
): Promise<EnvironmentFact> {
  const file = configFile(workspaceRoot);
  if (file === undefined) return { unknown: 'There is no postern.config.ts at the workspace root.' };
  const text = await readFile(file, 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([file, text, process.env['POSTERN_ENV'] ?? null]))
    .digest('hex');
  const memory = join(workspaceRoot, '.cache', 'postern', 'nx-environment.json');
  const remembered = await recall(memory, key);
  if (remembered !== undefined) return remembered;
  const fact = await ask(workspaceRoot, env);
  if ('kind' in fact && !/['"]\.{1,2}\//.test(text)) await remember(memory, key, fact);
  return fact;
}

/** As `@postern/connect` finds it from the workspace root: POSTERN_CONFIG, or the file at the root. */
function configFile(workspaceRoot: string): string | undefined {
  const named = process.env['POSTERN_CONFIG'];
  const names = named === undefined || named === '' ? CONFIG_FILES : [named];
  return names.map((name) => resolve(workspaceRoot, name)).find((path) => existsSync(path));
}

async function ask(workspaceRoot: string, env: Readonly<Record<string, string>>): Promise<EnvironmentFact> {
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', QUESTION],
      { cwd: workspaceRoot, env: { ...process.env, ...env }, timeout: READ_TIMEOUT_MS },
    );
    const fact: unknown = JSON.parse(stdout.slice(stdout.lastIndexOf('\n') + 1));
    if (isFact(fact)) return fact;
    return { unknown: 'The configuration names no environment.' };
  } catch (error) {
    return { unknown: reason(error) };
  }
}

/** The line of a Node stack that says what happened. */
function reason(error: unknown): string {
  const text =
    error instanceof Error ? String((error as { stderr?: unknown }).stderr || error.message) : String(error);
  const line = text.split('\n').find((candidate) => /^\w*Error\b/.test(candidate)) ?? text.split('\n')[0];
  return `postern.config could not be read: ${line}`;
}

async function recall(memory: string, key: string): Promise<EnvironmentFact | undefined> {
  try {
    const entries: unknown = JSON.parse(await readFile(memory, 'utf8'));
    const fact = (entries as Record<string, unknown>)[key];
    return isFact(fact) ? fact : undefined;
  } catch {
    return undefined;
  }
}

/** Best effort: a workspace that cannot be written to only loses the shortcut. One entry is enough. */
async function remember(memory: string, key: string, fact: EnvironmentFact): Promise<void> {
  const draft = `${memory}.${process.pid}`;
  try {
    await mkdir(join(memory, '..'), { recursive: true });
    await writeFile(draft, JSON.stringify({ [key]: fact }));
    await rename(draft, memory);
  } catch {
    // The next reader asks again.
  }
}

function isFact(value: unknown): value is { name: string; kind: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { name?: unknown }).name === 'string' &&
    typeof (value as { kind?: unknown }).kind === 'string'
  );
}
