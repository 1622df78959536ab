/*
 * node tools/scripts/run.mjs tools/infra/src/terraform-compare.ts checks|format|outputs|policies: does Terraform do what
 * our code takes for granted? checks: it refuses what `npm run infra -- check` refuses. format: it formats as HashiCorp's
 * formatter does that we check with. outputs: the configuration reads what the examples put out. policies: our renderer
 * and templatefile agree on every policy. Exit code 0: yes; 1: no; 2: not started.
 */
import { compareChecks, compareFormat } from './checks/compare-terraform.ts';
import { compareOutputs } from './provider/compare-outputs.ts';
import { comparePolicies } from './provider/compare-policies.ts';
import { readSchema } from './schema/schema.ts';

const comparisons = {
  checks: compareChecks,
  format: compareFormat,
  outputs: compareOutputs,
  policies: comparePolicies,
};

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
