import { artefact } from './artefact.ts';
import { HARNESS_USAGE } from './harness/usage.ts';
import { migrations, renderMigrations } from './migrations.ts';
import { plan, renderPlan } from './plan.ts';
import { TEST_DATABASES_USAGE } from './test-databases/usage.ts';
import { TUNNEL_USAGE, tunnel, UsageError } from './tunnel/tunnel.ts';

/** `npm run bench -- <command> …` */
const commands: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  async artefact(args) {
    const unknown = args.filter((argument) => argument !== '--json');
    if (unknown.length > 0) throw new UsageError(`Unknown: ${unknown.join(' ')}.`);
    await artefact({ json: args.includes('--json') });
  },
  tunnel,
  // Half the packages of this repository, and the AWS SDK: for those who want these commands.
  'test-databases': async (args) => {
    const { testDatabases } = await import('./test-databases/test-databases.ts');
    await testDatabases(args);
  },
  async harness(args) {
    const { harness } = await import('./harness/harness.ts');
    await harness(args);
  },
  async migrations(args) {
    const unknown = args.filter((argument) => argument !== '--json');
    if (unknown.length > 0) throw new UsageError(`Unknown: ${unknown.join(' ')}.`);
    const result = await migrations();
    console.log(args.includes('--json') ? JSON.stringify(result) : renderMigrations(result));
  },
  async plan(args) {
    const unknown = args.filter((argument) => argument !== '--json');
    if (unknown.length > 0) throw new UsageError(`Unknown: ${unknown.join(' ')}.`);
    const result = await plan();
    console.log(args.includes('--json') ? JSON.stringify(result) : renderPlan(result));
  },
};

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
try {
  if (command === undefined) throw new UsageError(`There is no command ${name === '' ? 'given' : name}.`);
  await command(args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}
Usage: npm run bench -- <command> …
Commands: ${Object.keys(commands).join(', ')}
Usage: npm run bench -- artefact [--json]
Usage: npm run bench -- migrations [--json]
Usage: npm run bench -- plan [--json]
${TUNNEL_USAGE}
${TEST_DATABASES_USAGE}
${HARNESS_USAGE}`);
  process.exitCode = 2;
}
