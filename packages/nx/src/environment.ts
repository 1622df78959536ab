import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ConfigFiles } from './config-files.ts';

/** The environment that a run would use, or why that cannot be said (then nothing is cached). */
export type EnvironmentFact = { name: string; kind: string } | { unknown: string };

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
 * Reads the environment once per content of the configuration's files and value of POSTERN_ENV: the answer is
 * remembered in `.cache/postern`, unless the configuration looks at something that is not in its files.
 */
export async function readEnvironment(
  workspaceRoot: string,
  { files, selfContained }: ConfigFiles,
  env: Readonly<Record<string, string>>,
): Promise<EnvironmentFact> {
  if (files.length === 0) return { unknown: 'There is no postern.config.ts at the workspace root.' };
  const key = createHash('sha256')
    .update(JSON.stringify([files, process.env['POSTERN_ENV'] ?? null]))
    .digest('hex');
  const memory = join(workspaceRoot, '.cache', 'postern', 'nx-environment.json');
  const remembered = selfContained ? await recall(memory, key) : undefined;
  if (remembered !== undefined) return remembered;
  const fact = await ask(workspaceRoot, env);
  if ('kind' in fact && selfContained) await remember(memory, key, fact);
  return fact;
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
