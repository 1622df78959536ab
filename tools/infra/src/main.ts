import { fileURLToPath } from 'node:url';
import type { Module } from './checks/module.ts';

// Each command loads its own parts: what runs with the deploy role (functions) is no more than it needs.
const root = fileURLToPath(new URL('../../..', import.meta.url));

const usage = `npm run infra -- <command>

  check              Terraform of infra/ against the provider's schema; references, types, conventions
  docs [--write]     tables of inputs and outputs in the READMEs of infra/: checks, or brings up to date
  schema [--all]     adds the types that infra/ uses to tools/infra/schema; --all makes the file anew
  cost [...]         what the modules cost, by variant
  functions ...      what the pipelines run: postern-functions, from source
`;

const [command, ...args] = process.argv.slice(2);
process.exitCode = await run();

async function run(): Promise<number> {
  switch (command) {
    case 'check':
      return await check();
    case 'docs':
      return await docs(args.includes('--write'));
    case 'schema':
      return await schema(args.includes('--all'));
    case 'cost':
      return await (await import('./cost/command.ts')).runCost(args);
    case 'functions':
      return await functions();
    default:
      console.error(usage);
      return 2;
  }
}

/** The published command, from source. */
async function functions(): Promise<number> {
  const { runFunctions } = await import('@postern/connect/functions');
  return await runFunctions({
    args,
    cwd: process.cwd(),
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    program: 'npm run infra -- functions',
  });
}

async function check(): Promise<number> {
  const { checkInfra } = await import('./checks/check.ts');
  const { describeFinding } = await import('./checks/finding.ts');
  const { modules, findings } = await checkInfra(root);
  for (const finding of findings) console.log(describeFinding(finding));
  console.log(`${findings.length} findings in ${modules.length} modules and examples`);
  return findings.length === 0 ? 0 : 1;
}

async function docs(write: boolean): Promise<number> {
  const { readmeOf, writeReadme } = await import('./readme-tables/tables.ts');
  let behind = 0;
  for (const module of await modulesOf()) {
    const readme = readmeOf(module);
    for (const name of readme.missing)
      console.log(`${readme.path} has no <!-- ${name} --> … <!-- /${name} -->`);
    const differs = readme.before !== readme.after;
    if (differs && write) writeReadme(root, readme);
    if (differs)
      console.log(
        `${readme.path} ${write ? 'is up to date now' : 'is behind: npm run infra -- docs --write'}`,
      );
    if (readme.missing.length > 0 || (differs && !write)) behind++;
  }
  return behind === 0 ? 0 : 1;
}

async function schema(all: boolean): Promise<number> {
  const { takeSchema } = await import('./schema/take.ts');
  const modules = await modulesOf();
  const types = (mode: 'resources' | 'data'): string[] => [
    ...new Set(modules.flatMap((module) => [...module[mode].values()].map(({ type }) => type))),
  ];
  const taken = takeSchema({ resources: types('resources'), data: types('data') }, { all });
  console.log(taken.length === 0 ? 'Every type of infra/ is in the schema.' : `Taken: ${taken.join(', ')}`);
  return 0;
}

async function modulesOf(): Promise<Module[]> {
  const { moduleFolders } = await import('./checks/check.ts');
  const { Findings } = await import('./checks/finding.ts');
  const { loadModule } = await import('./checks/module.ts');
  return moduleFolders(root, 'infra').map((dir) => loadModule(root, dir, new Findings()));
}
