import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ProviderSchema } from '../schema/schema.ts';
import { startStandIn } from './stand-in.ts';

/** Commands that work on what `init` has prepared. */
const WITH_INIT = ['validate', 'test', 'plan', 'console', 'graph', 'providers', 'modules', 'show', 'output'];
const WITHOUT_INIT = ['init', 'fmt', 'get', 'version'];

export const COMMANDS: readonly string[] = [...WITH_INIT, ...WITHOUT_INIT];

export interface TerraformRun {
  readonly directory: string;
  /** Command and its arguments, as on the command line of Terraform. */
  readonly args: readonly string[];
  readonly schema: ProviderSchema;
  /** Default 'pipe': nothing is shown, and the result has both streams. */
  readonly stdio?: 'pipe' | 'inherit';
  /** What standard input says, for `console`. Only with pipes. */
  readonly input?: string;
  /** Default: `terraform` on PATH. */
  readonly executable?: string;
}

export interface TerraformResult {
  /** Of a shell: an end by a signal is 128 and its number. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs Terraform in a folder with the stand-in as the provider. Terraform's own files are in a folder of this run;
 * no setting of the caller's (configuration file, TF_*, AWS_*, plug-in caches) has a say.
 */
export async function runTerraform(run: TerraformRun): Promise<TerraformResult> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-terraform-'));
  try {
    await using standIn = await startStandIn(run.schema);
    const configuration = join(folder, 'terraformrc');
    await writeFile(configuration, '');
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      CHECKPOINT_DISABLE: '1',
      TF_CLI_CONFIG_FILE: configuration,
      TF_DATA_DIR: join(folder, 'data'),
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
      TF_REATTACH_PROVIDERS: standIn.reattach,
    };
    const { executable = 'terraform', stdio = 'pipe', input } = run;
    const start = (args: readonly string[], show: 'pipe' | 'inherit'): Promise<TerraformResult> =>
      spawned(executable, [`-chdir=${resolve(run.directory)}`, ...args], env, show, input);

    if (WITH_INIT.includes(run.args[0] ?? '')) {
      const result = await start(['init', '-backend=false', '-no-color'], 'pipe');
      if (result.code !== 0) {
        if (stdio === 'inherit') process.stderr.write(`${result.stdout}${result.stderr}`);
        return result;
      }
    }
    return await start(run.args, stdio);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function spawned(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdio: 'pipe' | 'inherit',
  input: string | undefined,
): Promise<TerraformResult> {
  return new Promise((fulfil, reject) => {
    const child = spawn(file, args, { env: { ...env }, stdio });
    // Ctrl-C reaches Terraform, too, and it cleans up first; its end is ours.
    let interrupted: NodeJS.Signals | undefined;
    const wait = (signal: NodeJS.Signals): void => {
      interrupted = signal;
    };
    const pass = (signal: NodeJS.Signals): void => {
      wait(signal);
      child.kill(signal);
    };
    process.on('SIGINT', wait).on('SIGTERM', pass).on('SIGHUP', pass);
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin?.on('error', () => {}).end(input ?? '');
    const ended = (): void => {
      process.off('SIGINT', wait).off('SIGTERM', pass).off('SIGHUP', pass);
    };
    child.on('error', (error) => {
      ended();
      reject(error);
    });
    child.on('close', (code, signal) => {
      ended();
      // Terraform calls tests that it has skipped for a signal a success.
      const cause = interrupted ?? signal;
      fulfil({ code: cause === null ? (code ?? 1) : 128 + constants.signals[cause], stdout, stderr });
    });
  });
}
