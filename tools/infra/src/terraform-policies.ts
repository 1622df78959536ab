/*
 * node tools/scripts/run.mjs tools/infra/src/terraform-policies.ts: do our renderer and Terraform's templatefile agree on
 * every policy? Exit code 0: yes; 1: no.
 */
import { comparePolicies } from './provider/compare-policies.ts';
import { readSchema } from './schema/schema.ts';

const { compared, differences } = await comparePolicies(readSchema());
for (const difference of differences) console.error(difference);
console.log(`${compared - differences.length} of ${compared} renderings agree.`);
process.exitCode = differences.length > 0 || compared === 0 ? 1 : 0;
