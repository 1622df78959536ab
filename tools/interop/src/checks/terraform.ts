import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Check, expectEqual, expectMatch } from '../check.ts';
import { type CommandResult, runCommand } from '../command.ts';

const area = 'terraform';
const root = join(import.meta.dirname, '../../../..');
const infra = join(root, 'infra');

/** Ten minutes: the tests of a module are up to a hundred runs, and other work may keep both cores busy. */
const TERRAFORM_TIMEOUT_MS = 600_000;

/** Modules and examples: what somebody can apply. */
const configurations: readonly string[] = ['modules', 'examples'].flatMap((kind) =>
  existsSync(join(infra, kind)) ? readdirSync(join(infra, kind)).map((name) => join(kind, name)) : [],
);

/**
 * Terraform itself on `infra/`, with the stand-in of tools/infra as the provider. That what it is asked to refuse is
 * refused is in `terraform-refusals.ts`.
 */
export const terraformChecks: readonly Check[] = [
  {
    area,
    name: 'every file is formatted',
    run: async () => void (await succeeds(infra, 'fmt', '-check', '-recursive', '-diff')),
  },
  ...configurations.map((name) => ({
    area,
    name: `${name} is valid`,
    run: async () => void (await succeeds(join(infra, name), 'validate')),
  })),
  ...configurations.map((name) => ({
    area,
    name: `the tests of ${name} pass`,
    async run() {
      // Without a test file it is a success, too.
      expectMatch(await succeeds(join(infra, name), 'test'), /[1-9]\d* passed, 0 failed\./, 'the end');
    },
  })),
  {
    area,
    name: 'templatefile and our renderer make the same of every policy',
    run: () => agrees('policies'),
  },
  {
    area,
    name: 'the configuration reads what the examples put out',
    run: () => agrees('outputs'),
  },
  {
    area,
    name: 'what `npm run infra -- check` refuses, Terraform refuses, but for what the cases name',
    run: () => agrees('checks'),
  },
  {
    area,
    name: 'what `npm run infra -- check` calls formatted is formatted',
    run: () => agrees('format'),
  },
];

/** One run of Terraform, through the runner that brings the stand-in. */
export function terraform(folder: string, ...args: string[]): Promise<CommandResult> {
  return ours('terraform.ts', folder, ...args);
}

function ours(program: string, ...args: string[]): Promise<CommandResult> {
  return runCommand(
    process.execPath,
    ['--conditions=@postern/source', join(root, 'tools/infra/src', program), ...args],
    { PATH: process.env['PATH'] ?? '' },
    TERRAFORM_TIMEOUT_MS,
  );
}

async function agrees(what: string): Promise<void> {
  const { code, stdout, stderr } = await ours('terraform-compare.ts', what);
  expectEqual(code, 0, `it says ${stdout.trim()} ${stderr.trim()}; its exit code`);
}

async function succeeds(folder: string, ...args: string[]): Promise<string> {
  const colourless = args[0] === 'fmt' ? args : [...args, '-no-color'];
  const { code, stdout, stderr } = await terraform(folder, ...colourless);
  // What passes is not what somebody looks for.
  const said = stdout.replaceAll(/^.*\.\.\. (pass|in progress|tearing down)\n/gm, '').trim();
  if (code !== 0) throw new Error(`terraform exited with ${code}: ${said}\n${stderr.trim()}`);
  return stdout;
}
