import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BootstrapClient } from '@postern/bootstrap/client';
import { type Command, parseCommand, usageOf } from './command.ts';
import { forLog } from './for-log.ts';
import { applySummary, changesIn, failureSummary, planSummary, sweepSummary } from './markdown.ts';
import { sweepAgain } from './sweep-again.ts';
import { targetOf } from './target.ts';

export interface FunctionsCommand {
  /** What follows the name of the command. */
  readonly args: readonly string[];
  /** The root of the repository. */
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** What its usage calls it. Default `postern-functions`. */
  readonly program?: string;
}

/**
 * What pipelines run: `build`, `upload`, `plan`, `apply` and `sweep`, as `--help` says. Gives the exit code: 0 when it is done; 1 with
 * the reason and the next step on stderr; 2 for what was asked wrongly. Each command loads its own parts, so that no more than
 * it needs runs with the role that may deploy.
 */
export async function runFunctions(call: FunctionsCommand): Promise<0 | 1 | 2> {
  const usage = usageOf(call.program ?? 'postern-functions');
  let command: Command;
  try {
    command = parseCommand(call.args);
  } catch (error) {
    call.stderr(`${forLog(`${(error as Error).message}\n\n${usage}`)}`);
    return 2;
  }
  if (command.name === 'help') {
    call.stdout(usage);
    return 0;
  }
  try {
    return await run(command, call);
  } catch (error) {
    const text = failureSummary(command.name, error);
    call.stderr(`${forLog(text)}\n`);
    await summarise(text);
    return (error as { kind?: string } | undefined)?.kind === 'invalid' ? 2 : 1;
  }
}

async function run(
  command: Exclude<Command, { name: 'help' }>,
  { cwd, stdout }: FunctionsCommand,
): Promise<0 | 1> {
  const say = (text: string): void => stdout(`${text}\n`);
  if (command.name === 'build') {
    const { rootsOf } = await import('./target.ts');
    const { buildArtifact } = await import('@postern/bootstrap/build');
    const roots = await rootsOf(command, cwd);
    const { file, sha256, bytes, manifest } = await buildArtifact({
      root: cwd,
      outFile: resolve(cwd, command.artefact),
      ...(roots === undefined ? {} : { ca: { pem: roots.pem } }),
    });
    say(`${file}: ${bytes} bytes, sha256 ${sha256}`);
    say(`CA roots: ${roots?.region ?? 'none; the functions need POSTERN_DB_CA'}`);
    say(`databases: ${manifest.databases.map(({ name }) => name).join(', ')}`);
    return 0;
  }
  const target = await targetOf(command, cwd);
  if (command.name === 'upload') {
    const { uploadArtefact } = await import('./upload.ts');
    for await (const { function: name, changed } of uploadArtefact(resolve(cwd, command.artefact), target))
      say(`${name}: ${changed ? 'has the new code' : 'had it already'}`);
    return 0;
  }
  const [functionName = ''] = target.functions;
  const { createBootstrapClient } = await import('@postern/bootstrap/client');
  const client = createBootstrapClient({ functionName, ...target.access });
  try {
    return await invoke(command, functionName, client, say);
  } finally {
    await client.close();
  }
}

async function invoke(
  command: Extract<Command, { name: 'plan' | 'apply' | 'sweep' }>,
  functionName: string,
  client: BootstrapClient,
  say: (text: string) => void,
): Promise<0 | 1> {
  const tell = async (markdown: string): Promise<void> => {
    say(forLog(markdown));
    await summarise(markdown);
  };
  if (command.name === 'sweep') {
    const sweeps = command.again ? await sweepAgain(client, delay) : [await client.sweep()];
    await tell(sweepSummary(functionName, sweeps));
    return sweeps.at(-1)?.failed.length === 0 ? 0 : 1;
  }
  const fields = command.databases.length === 0 ? {} : { databases: command.databases };
  if (command.name === 'plan') {
    const { manifest } = await client.ping();
    const plan = await client.plan(fields);
    await tell(planSummary(functionName, manifest, plan));
    await output({ manifest, changes: String(changesIn(plan)) });
    return plan.migrations.some(({ changed }) => changed.length > 0) ? 1 : 0;
  }
  if (command.manifest !== undefined) {
    const { manifest } = await client.ping();
    if (manifest !== command.manifest)
      throw Object.assign(
        new Error(
          `planned was manifest ${command.manifest.slice(0, 12)}, but ${manifest.slice(0, 12)} is deployed by now; nothing was applied`,
        ),
        { hint: 'Somebody has deployed in between. Look at a new plan, and apply that.' },
      );
  }
  const result = await client.apply(fields, {
    onProgress: (event) => {
      const sayOf = (text: string): void => say(forLog(text, `${event.database}: `));
      if (event.event === 'statement') sayOf(event.sql);
      if (event.event === 'migration') sayOf(`${event.name} ${event.state}`);
      if (event.event === 'notice') sayOf(`${event.severity}: ${event.message}`);
    },
  });
  await tell(applySummary(functionName, result));
  return 0;
}

async function summarise(markdown: string): Promise<void> {
  const file = process.env['GITHUB_STEP_SUMMARY'];
  if (file) await appendFile(file, `${markdown}\n`);
}

async function output(values: Readonly<Record<string, string>>): Promise<void> {
  const file = process.env['GITHUB_OUTPUT'];
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  if (file) await appendFile(file, lines.join(''));
}
