import { parseArgs } from 'node:util';

/** Where functions are and what they are called: said with the command, or by an environment of postern.config.ts. */
interface Aimed {
  /** Empty: those of `environment`. */
  readonly functions: readonly string[];
  readonly environment?: string;
}

/** What a pipeline asks of the two functions. */
export type Command =
  | { readonly name: 'help' }
  | {
      readonly name: 'build';
      readonly artefact: string;
      /** Whose CA roots are packed. Without it the functions need roots by configuration (`ca_pem`). */
      readonly region?: string;
      /** For regions that the built-in roots do not cover. */
      readonly caFile?: string;
      /** In place of both. */
      readonly environment?: string;
    }
  | ({ readonly name: 'upload'; readonly artefact: string } & Aimed)
  | ({ readonly name: 'plan'; readonly databases: readonly string[] } & Aimed)
  | ({
      readonly name: 'apply';
      readonly databases: readonly string[];
      /** Hash of the manifest that was planned: another one that is deployed meanwhile is not applied. */
      readonly manifest?: string;
    } & Aimed)
  | ({ readonly name: 'sweep'; readonly again: boolean } & Aimed);

/** Not where the offline cloud's artefact is: that one has no CA roots, and is made anew with every suite. */
const defaultArtefact = '.cache/postern/deploy/bootstrap.zip';

/** What `--help` says, and whoever asked wrongly. */
export function usageOf(program: string): string {
  return `usage: ${program} COMMAND

  build  [--region REGION [--ca-file FILE] | --env NAME] [--artefact FILE]
         packs declarations, migrations and the region's CA roots; ${defaultArtefact} unless said otherwise
  upload --function NAME [--function NAME …] | --env NAME  [--artefact FILE]
         gives the functions that code, where they do not have it, and waits until they can be invoked
  plan   --function NAME | --env NAME  [--database NAME …]
         says what apply would do, and changes nothing
  apply  --function NAME | --env NAME  [--database NAME …] [--manifest HASH]
         does it; with HASH only what was planned
  sweep  --function NAME | --env NAME  [--again]
         drops what dead test runs left. A run's databases go with the second sweep, 90 s after the first: --again waits for it

--env NAME takes functions, region, profile and CA from that environment of postern.config.ts. Without it region and credentials are
those of the AWS CLI: AWS_REGION, AWS_PROFILE, or what the machine has. Run build in the root of the repository.

On GitHub the result is also in the step summary (GITHUB_STEP_SUMMARY), and plan has the outputs "manifest" and "changes"
(GITHUB_OUTPUT).

Exit codes: 0 done; 1 failed, also: a plan that apply will refuse, a sweep that could not drop everything; 2 asked wrongly:
arguments, configuration or declarations.
`;
}

/**
 * Reads the arguments. A test of your workflows can hold their lines against it.
 * @throws Error with a sentence for whoever typed it
 */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      env: { type: 'string' },
      artefact: { type: 'string' },
      region: { type: 'string' },
      'ca-file': { type: 'string' },
      function: { type: 'string', multiple: true },
      database: { type: 'string', multiple: true },
      manifest: { type: 'string' },
      again: { type: 'boolean' },
    },
  });
  if (values.help) return { name: 'help' };
  const [name, ...rest] = positionals;
  if (name === undefined) throw new Error('A command is missing.');
  const known = optionsOf.get(name);
  if (known === undefined) throw new Error(`"${name}" is no command.`);
  if (rest.length > 0) throw new Error(`${name} takes no "${rest[0]}".`);
  // A variable that a workflow did not get arrives as an empty text: "--manifest=" would mean no check.
  for (const [option, value] of Object.entries(values)) {
    if (!known.includes(option)) throw new Error(`${name} takes no --${option}.`);
    if ([value].flat().includes('')) throw new Error(`--${option} is empty: is its variable set?`);
  }
  const { env, region, 'ca-file': caFile, manifest } = values;
  const artefact = values.artefact ?? defaultArtefact;
  const databases = values.database ?? [];
  const functions = values.function ?? [];
  const environment = env === undefined ? {} : { environment: env };
  if (name === 'build') {
    if (env !== undefined && (region ?? caFile) !== undefined)
      throw new Error('--env says region and CA: leave out --region and --ca-file.');
    if (region === undefined && caFile !== undefined) throw new Error('--ca-file needs --region.');
    return {
      name,
      artefact,
      ...(region === undefined ? {} : { region }),
      ...(caFile === undefined ? {} : { caFile }),
      ...environment,
    };
  }
  if (functions.length === 0 && env === undefined) throw new Error(`${name} needs --function or --env.`);
  const aimed = { functions, ...environment };
  if (name === 'upload') return { name, artefact, ...aimed };
  if (functions.length > 1) throw new Error(`${name} takes one --function.`);
  if (name === 'sweep') return { name, again: values.again === true, ...aimed };
  if (name === 'plan') return { name, databases, ...aimed };
  return { name: 'apply', databases, ...aimed, ...(manifest === undefined ? {} : { manifest }) };
}

const optionsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['build', ['artefact', 'region', 'ca-file', 'env']],
  ['upload', ['artefact', 'function', 'env']],
  ['plan', ['function', 'database', 'env']],
  ['apply', ['function', 'database', 'manifest', 'env']],
  ['sweep', ['function', 'again', 'env']],
]);
