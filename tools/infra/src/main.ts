import { fileURLToPath } from 'node:url';
import { checkInfra } from './checks/check.ts';
import { describeFinding } from './checks/finding.ts';

/* npm run infra -- <command>: checks and tools for infra/. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const [command] = process.argv.slice(2);

if (command === 'check') {
  const { modules, findings } = await checkInfra(root);
  for (const finding of findings) console.log(describeFinding(finding));
  console.log(`${findings.length} findings in ${modules.length} modules and examples`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
