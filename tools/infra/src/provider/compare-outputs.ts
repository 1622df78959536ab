import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aws, defineConfig, resolveEnvironment } from '@postern/connect';
import type { ProviderSchema } from '../schema/schema.ts';
import type { Comparison } from './compare-policies.ts';
import { runTerraform } from './run-terraform.ts';

const examples = new URL('../../../../infra/examples/', import.meta.url);

/** What the machine-readable messages of `terraform test` have for us. */
interface Message {
  readonly '@testrun'?: string;
  readonly test_state?: { readonly outputs?: Readonly<Record<string, unknown>> };
}

/**
 * Has Terraform test every example, writes what each run puts out into a file as `terraform output -json` does, and reads
 * it with the configuration.
 */
export async function compareOutputs(schema: ProviderSchema): Promise<Comparison> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-outputs-'));
  try {
    const differences: string[] = [];
    let compared = 0;
    for (const example of await readdir(examples)) {
      for (const { run, outputs } of await outputsOf(example, schema)) {
        compared += 1;
        const problem = await refusal(folder, outputs);
        if (problem !== undefined) differences.push(`${example}, run ${run}: ${problem}`);
      }
    }
    return { compared, differences };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function outputsOf(
  example: string,
  schema: ProviderSchema,
): Promise<{ readonly run: string; readonly outputs: Readonly<Record<string, unknown>> }[]> {
  const { code, stdout, stderr } = await runTerraform({
    directory: fileURLToPath(new URL(example, examples)),
    args: ['test', '-json', '-verbose'],
    schema,
  });
  if (code !== 0) throw new Error(`terraform test of ${example} exited with ${code}: ${stderr.trim()}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Message)
    .flatMap(({ '@testrun': run = '', test_state }) =>
      test_state?.outputs === undefined ? [] : [{ run, outputs: test_state.outputs }],
    );
}

async function refusal(
  folder: string,
  outputs: Readonly<Record<string, unknown>>,
): Promise<string | undefined> {
  await writeFile(join(folder, 'outputs.json'), JSON.stringify(outputs));
  const config = defineConfig({ environments: { staging: aws({ terraform: 'outputs.json' }) } });
  try {
    resolveEnvironment({ file: join(folder, 'postern.config.ts'), root: folder, config }, 'staging', {
      env: {},
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
