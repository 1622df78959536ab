import { realpathSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BootstrapClient, createBootstrapClient } from '@postern/bootstrap/client';
import { type Command, parseCommand, usage } from './command.ts';
import { forLog } from './for-log.ts';
import { applySummary, changesIn, failureSummary, planSummary, sweepSummary } from './markdown.ts';
import { sweepAgain } from './sweep-again.ts';
import { uploadArtefact } from './upload.ts';

/** What deploy.yml and cleanup.yml run: see `usage`. Returns the exit code. */
export async function functions(argv: readonly string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(argv);
  } catch (error) {
    console.error(forLog(`${(error as Error).message}\n\n${usage}`));
    return 2;
  }
  try {
    return await run(command);
  } catch (error) {
    const text = failureSummary(command.name, error);
    console.error(forLog(text));
    await summarise(text);
    return (error as { kind?: string }).kind === 'invalid' ? 2 : 1;
  }
}

async function run(command: Command): Promise<number> {
  if (command.name === 'build') {
    // Only here: what packs is not loaded where credentials of the deploy role are.
    const { buildArtifact } = await import('@postern/bootstrap/build');
    const { loadCaBundle } = await import('@postern/rds-auth');
    const { artefact, region, caFile } = command;
    const ca = region && loadCaBundle({ region, ...(caFile === undefined ? {} : { file: caFile }) }).ca;
    const { file, sha256, bytes, manifest } = await buildArtifact({
      root: process.cwd(),
      outFile: artefact,
      ...(ca ? { ca: { pem: ca.join('\n') } } : {}),
    });
    console.log(`${file}: ${bytes} bytes, sha256 ${sha256}`);
    console.log(`CA roots: ${region ?? 'none; the functions need POSTERN_DB_CA'}`);
    console.log(`databases: ${manifest.databases.map(({ name }) => name).join(', ')}`);
    return 0;
  }
  if (command.name === 'upload') {
    const zip = await readFile(resolve(command.artefact));
    for (const { function: name, changed } of await uploadArtefact(zip, command.functions))
      console.log(`${name}: ${changed ? 'has the new code' : 'had it already'}`);
    return 0;
  }
  const client = createBootstrapClient({ functionName: command.function });
  try {
    return await invoke(command, client);
  } finally {
    await client.close();
  }
}

async function invoke(
  command: Extract<Command, { function: string }>,
  client: BootstrapClient,
): Promise<number> {
  if (command.name === 'sweep') {
    const sweeps = command.again ? await sweepAgain(client, delay) : [await client.sweep()];
    await tell(sweepSummary(command.function, sweeps));
    return sweeps.at(-1)?.failed.length === 0 ? 0 : 1;
  }
  const fields = command.databases.length === 0 ? {} : { databases: command.databases };
  if (command.name === 'plan') {
    const { manifest } = await client.ping();
    const plan = await client.plan(fields);
    await tell(planSummary(command.function, manifest, plan));
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
      const say = (text: string): void => console.log(forLog(text, `${event.database}: `));
      if (event.event === 'statement') say(event.sql);
      if (event.event === 'migration') say(`${event.name} ${event.state}`);
      if (event.event === 'notice') say(`${event.severity}: ${event.message}`);
    },
  });
  await tell(applySummary(command.function, result));
  return 0;
}

async function tell(markdown: string): Promise<void> {
  console.log(forLog(markdown));
  await summarise(markdown);
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

// Where this folder was copied to another repository, this file is the command: node functions/main.ts plan …
if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url))
  process.exitCode = await functions(process.argv.slice(2));
