import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import {
  type PolicyName,
  type PolicyVariables,
  policyNames,
  policyVariables,
  renderPolicy,
} from '../policies/render-policy.ts';
import type { ProviderSchema } from '../schema/schema.ts';
import { runTerraform } from './run-terraform.ts';

const modules = new URL('../../../../infra/modules/', import.meta.url);

export interface Comparison {
  readonly compared: number;
  /** One line for each case in which the two differ. */
  readonly differences: readonly string[];
}

/** Renders every policy template twice, by Terraform's `templatefile` and by `renderPolicy`. */
export async function comparePolicies(schema: ProviderSchema): Promise<Comparison> {
  const cases = policyNames().flatMap((name) => [
    { name, variables: samples(name, ['arn:one', 'arn:*', 'é "quoted" <&> \\ %{y}']) },
    { name, variables: samples(name, []) },
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'postern-console-'));
  try {
    // The console answers to the last line of its input only, and a line has to be short.
    const expressions = cases.map(({ name, variables }) => `    ${expression(name, variables)},\n`);
    await writeFile(join(folder, 'main.tf'), `locals {\n  rendered = [\n${expressions.join('')}  ]\n}\n`);
    const { code, stdout, stderr } = await runTerraform({
      directory: folder,
      args: ['console'],
      schema,
      input: 'base64encode(jsonencode(local.rendered))\n',
    });
    if (code !== 0) throw new Error(`terraform console exited with ${code}: ${stderr.trim()}`);
    const rendered = JSON.parse(decoded(stdout.trim().replaceAll('"', ''))) as readonly string[];
    const differences = cases.flatMap(({ name, variables }, index) => {
      const theirs: unknown = JSON.parse(rendered[index] ?? 'null');
      const ours = renderPolicy(name, variables);
      if (isDeepStrictEqual(theirs, ours)) return [];
      return [`${name}: Terraform renders ${JSON.stringify(theirs)}, we render ${JSON.stringify(ours)}`];
    });
    return { compared: cases.length, differences };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function samples(name: PolicyName, list: readonly string[]): PolicyVariables {
  return Object.fromEntries(
    Object.entries(policyVariables(name)).map(([key, kind]) => [
      key,
      kind === 'list' ? list : `the é ${key}/*`,
    ]),
  );
}

/** In base64, so that nothing has to be quoted for Terraform. */
function expression(name: PolicyName, variables: PolicyVariables): string {
  const [module, file] = name.split('/');
  const path = encoded(fileURLToPath(new URL(`${module}/policies/${file}.json.tftpl`, modules)));
  const json = encoded(JSON.stringify(variables));
  return `templatefile(base64decode("${path}"), jsondecode(base64decode("${json}")))`;
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
