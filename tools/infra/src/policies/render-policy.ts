import { readdirSync, readFileSync } from 'node:fs';
import type { PolicyDocument } from '@postern/local-cloud/iam';

/** `<module>/<file>` without the ending, such as `ci-access/ci-tunnel`. */
export type PolicyName = `${string}/${string}`;

/** What templates take. More than one template uses is fine, as it is for Terraform's `templatefile`. */
export type PolicyVariables = Readonly<Record<string, string | readonly string[]>>;

const modules = new URL('../../../../infra/modules/', import.meta.url);
const ending = '.json.tftpl';

/** `$${` (IAM's own variables), `${jsonencode(name)}`, `${name}`, and what begins like one of them and is none. */
const token = /\$\$\{|\$\{jsonencode\((\w+)\)\}|\$\{(\w+)\}|\$\{|%\{/g;

/** All policy templates of all modules, sorted. */
export function policyNames(): readonly PolicyName[] {
  return readdirSync(modules, { recursive: true, encoding: 'utf8' })
    .map((path) => /^([^/\\]+)[/\\]policies[/\\]([^/\\]+)\.json\.tftpl$/.exec(path))
    .filter((match) => match !== null)
    .map((match): PolicyName => `${match[1]}/${match[2]}`)
    .sort();
}

/** The variables that a template needs, each with the kind of its value. */
export function policyVariables(name: PolicyName): Readonly<Record<string, 'string' | 'list'>> {
  const found: Record<string, 'string' | 'list'> = {};
  for (const [, list, text] of readTemplate(name).matchAll(token)) {
    if (list !== undefined) found[list] = 'list';
    if (text !== undefined) found[text] = 'string';
  }
  return found;
}

/**
 * Renders a policy template as Terraform's `templatefile` does, for the small part of the template language that these
 * files use. Throws an `Error` for anything else, for a missing variable, and for a value that would break out of its
 * JSON string.
 */
export function renderPolicy(name: PolicyName, variables: PolicyVariables): PolicyDocument {
  const fail = (problem: string): never => {
    throw new Error(`infra/modules policy ${name}: ${problem}.`);
  };
  const given = (key: string): string | readonly string[] =>
    (Object.hasOwn(variables, key) ? variables[key] : undefined) ?? fail(`there is no variable "${key}"`);
  const text = readTemplate(name).replace(token, (match, list?: string, plain?: string) => {
    if (match === `$\${`) return `\${`;
    if (list !== undefined) return JSON.stringify(given(list));
    if (plain === undefined) return fail(`"${match}" begins something that these templates do not use`);
    const value = given(plain);
    if (typeof value !== 'string') return fail(`variable "${plain}" has to be a text`);
    if (JSON.stringify(value) !== `"${value}"`) {
      return fail(`variable "${plain}" has characters that end its JSON string`);
    }
    return value;
  });
  return JSON.parse(text) as PolicyDocument;
}

/** The template's text. */
export function readTemplate(name: PolicyName): string {
  const [module, file, ...rest] = name.split('/');
  if (module === undefined || file === undefined || rest.length > 0 || /[^\w/-]/.test(name)) {
    throw new Error(`"${name}" is not <module>/<policy>.`);
  }
  return readFileSync(new URL(`${module}/policies/${file}${ending}`, modules), 'utf8');
}
