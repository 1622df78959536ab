/*
 * node tools/scripts/run.mjs tools/infra/src/terraform-compare.ts policies|outputs: does Terraform do what our code takes
 * for granted? policies: our renderer and templatefile agree on every policy. outputs: the configuration reads what the
 * examples put out. Exit code 0: yes; 1: no; 2: not started.
 */
import { compareOutputs } from './provider/compare-outputs.ts';
import { comparePolicies } from './provider/compare-policies.ts';
import { readSchema } from './schema/schema.ts';

const comparisons = { outputs: compareOutputs, policies: comparePolicies };

async function main(name = ''): Promise<number> {
  if (!Object.hasOwn(comparisons, name)) {
    console.error(`Usage: terraform-compare.ts ${Object.keys(comparisons).join('|')}`);
    return 2;
  }
  const { compared, differences } = await comparisons[name as keyof typeof comparisons](readSchema());
  for (const difference of differences) console.error(difference);
  console.log(`${compared - differences.length} of ${compared} agree.`);
  return differences.length > 0 || compared === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv[2]);
