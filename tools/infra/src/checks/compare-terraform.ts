import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatByHashicorp } from '../hcl/hashicorp.ts';
import { runTerraform } from '../provider/run-terraform.ts';
import type { ProviderSchema } from '../schema/schema.ts';
import { type BrokenCase, brokenCases, brokenFiles, healthyFiles, inFolder } from './broken-cases.ts';

const infra = fileURLToPath(new URL('../../../../infra', import.meta.url));

/**
 * Whether HashiCorp's formatter as we have it writes what `terraform fmt` writes: every file of infra/ without its layout.
 */
export async function compareFormat(
  schema: ProviderSchema,
): Promise<{ compared: number; differences: string[] }> {
  const paths = globSync('**/*.{tf,tftest.hcl}', { cwd: infra });
  const shapeless = Object.fromEntries(
    paths.map((path) => [path, withoutLayout(readFileSync(join(infra, path), 'utf8'))]),
  );
  return await inFolder(shapeless, async (root) => {
    const directory = join(root, 'infra');
    const { code, stderr } = await runTerraform({ directory, args: ['fmt', '-recursive'], schema });
    if (code !== 0) return { compared: paths.length, differences: [stderr] };
    const differences: string[] = [];
    for (const [path, text] of Object.entries(shapeless)) {
      const theirs = readFileSync(join(directory, path), 'utf8');
      if ((await formatByHashicorp(text)) !== theirs) differences.push(`${path} is formatted in two ways`);
    }
    return { compared: paths.length, differences };
  });
}

function withoutLayout(text: string): string {
  return text.replaceAll(/^[ \t]+/gm, '').replaceAll(/ {2,}=/g, '=');
}

/**
 * What the checker refuses and Terraform itself: each broken place is given to Terraform (with the stand-in as its provider),
 * which must refuse it as well unless the case says why not; the healthy fixture must pass.
 */
export async function compareChecks(
  schema: ProviderSchema,
): Promise<{ compared: number; differences: string[] }> {
  const healthy = healthyFiles();
  const differences: string[] = [];
  const refuses = (
    files: Record<string, string>,
    folder: string,
    args: readonly string[],
  ): Promise<boolean> =>
    inFolder(files, async (root) => {
      const { code } = await runTerraform({ directory: join(root, 'infra', folder), args, schema });
      return code !== 0;
    });
  const well: Array<[string, string[]]> = [
    ['.', ['fmt', '-check', '-recursive']],
    ['modules/store', ['validate']],
    ['modules/store', ['test']],
    ['examples/complete', ['validate']],
  ];
  for (const [folder, args] of well) {
    if (await refuses(healthy, folder, args))
      differences.push(`terraform ${args[0]} refuses the healthy ${folder}`);
  }
  const cases = brokenCases();
  for (const broken of cases) {
    const folder = broken.file.split('/').slice(0, 2).join('/');
    const refused = await refuses(brokenFiles(healthy, broken), folder, commandFor(broken));
    if (refused && broken.accepted !== undefined) differences.push(`Terraform refuses ${broken.loss}`);
    if (!refused && broken.accepted === undefined) differences.push(`Terraform takes ${broken.loss}`);
  }
  return { compared: well.length + cases.length, differences };
}

function commandFor({ expected, group }: BrokenCase): string[] {
  if (expected.includes(' fmt: ')) return ['fmt', '-check'];
  return [group === 'test-files' ? 'test' : 'validate'];
}
