import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { ConnectError } from '../errors.ts';
import { parseTerraformOutput, terraformFields } from './schema.ts';
import type { AwsOptions } from './settings.ts';

/**
 * What Terraform says about a cluster: the output `postern` in a file that `terraform output -json postern` or
 * `terraform output -json` has written. Throws `CONNECT_CONFIG_INVALID`, with every problem at once and never with a
 * value of the file: it may be one that should not have been written there.
 */
export function readTerraformOutput(file: string, root: string): Partial<AwsOptions> {
  const path = resolve(root, file);
  const shown = relative(root, path).startsWith('..') ? path : relative(root, path);
  const fail = (problems: readonly string[], hint = rewrite(shown)): never => {
    const named = problems.map((problem) => `${shown}: ${problem}`);
    throw new ConnectError({
      code: 'CONNECT_CONFIG_INVALID',
      kind: 'invalid',
      message: `What Terraform has written cannot be used:\n${named.map((line) => `  - ${line}`).join('\n')}`,
      hint,
      problems: named,
    });
  };
  const content = parse(readText(path, fail), fail);
  if (!isObject(content)) return fail(['holds no output of Terraform']);
  if ('terraform_version' in content) {
    const hint = `It holds secrets: keep it out of the repository. Name another file. ${rewrite('infra/<environment>.json')}`;
    return fail(['is a state or a plan of Terraform, not its outputs'], hint);
  }
  const { value, path: where } = outputOf(content, fail, shown);
  const facts = parseTerraformOutput(value, where);
  return 'problems' in facts
    ? fail(
        facts.problems,
        `The output may hold ${terraformFields.join(', ')}. Correct it where it is made, not in the file. ${rewrite(shown)}`,
      )
    : facts;
}

type Fail = (problems: readonly string[], hint?: string) => never;

function readText(path: string, fail: Fail): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return fail([
      code === 'ENOENT'
        ? `there is no such file (${path}); the path starts at the folder of postern.config.ts`
        : `cannot be read (${code})`,
    ]);
  }
  // As a redirection of Windows PowerShell writes it.
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

function parse(text: string, fail: Fail): unknown {
  if (text.trim() === '') return fail(['is empty: the command that should write it has failed']);
  try {
    return JSON.parse(text);
  } catch (error) {
    // The rest of the message would show a piece of the file.
    const where = /line \d+ column \d+/.exec((error as Error).message)?.[0];
    return fail([`is not JSON${where === undefined ? '' : ` (${where})`}`]);
  }
}

interface Output {
  readonly value: unknown;
  readonly sensitive?: unknown;
}

/** The value of `postern`, and where it is. */
function outputOf(content: object, fail: Fail, shown: string): { value: object; path: string } {
  const outputs = Object.entries(content);
  if (!outputs.every(isOutput)) return { value: content, path: '' };
  const sensitive = outputs.filter(([, output]) => output.sensitive === true).map(([name]) => name);
  if (sensitive.length > 0) {
    return fail(
      sensitive.map((name) => `output ${name} is sensitive, and its value stands here for everybody to read`),
      `${
        sensitive.includes('postern')
          ? 'Let the output postern hold names only, none of them from a sensitive value.'
          : 'Write this one output instead of all.'
      } ${rewrite(shown)} If the file was ever committed, replace the secrets that it held.`,
    );
  }
  const value = outputs.find(([name]) => name === 'postern')?.[1].value;
  if (isObject(value)) return { value, path: 'postern.value' };
  const others = outputs.map(([name]) => name).join(', ');
  const problem =
    value === undefined
      ? `has no output postern (it has ${others === '' ? 'none at all' : others})`
      : 'postern.value: is no object';
  return fail([problem], `Add output "postern" to the root module and apply it. ${rewrite(shown)}`);
}

function isOutput(entry: [string, unknown]): entry is [string, Output] {
  const [, output] = entry;
  return isObject(output) && 'value' in output && 'sensitive' in output;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function rewrite(file: string): string {
  return `Write it anew: terraform -chdir=<root module> output -json postern > ${file}, and commit it.`;
}
