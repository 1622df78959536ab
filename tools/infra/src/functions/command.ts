import { parseArgs } from 'node:util';

/** What a pipeline asks of the two functions. */
export type Command =
  | {
      readonly name: 'build';
      readonly artefact: string;
      /** Whose CA roots are packed. Without it the functions need roots by configuration (`ca_pem`). */
      readonly region?: string;
      /** For regions that the built-in roots do not cover. */
      readonly caFile?: string;
    }
  | { readonly name: 'upload'; readonly artefact: string; readonly functions: readonly string[] }
  | { readonly name: 'plan'; readonly function: string; readonly databases: readonly string[] }
  | {
      readonly name: 'apply';
      readonly function: string;
      readonly databases: readonly string[];
      /** Hash of the manifest that was planned: another one that is deployed meanwhile is not applied. */
      readonly manifest?: string;
    }
  | { readonly name: 'sweep'; readonly function: string; readonly again: boolean };

/** Not where the offline cloud's artefact is: that one has no CA roots, and is made anew with every suite. */
export const defaultArtefact = '.cache/postern/deploy/bootstrap.zip';

export const usage: string = `npm run infra -- functions COMMAND

  build  [--artefact FILE] [--region REGION [--ca-file FILE]]
         packs declarations, migrations and the region's CA roots; ${defaultArtefact} unless said otherwise
  upload --function NAME [--function NAME …] [--artefact FILE]
         gives the functions that code, where they do not have it, and waits until they can be invoked
  plan   --function NAME [--database NAME …]
         says what apply would do, and changes nothing
  apply  --function NAME [--database NAME …] [--manifest HASH]
         does it; with HASH only what was planned
  sweep  --function NAME [--again]
         drops what dead test runs left. A run's databases go with the second sweep, 90 s after the first: --again waits for it

Region and credentials come from the environment, as with the AWS CLI. On GitHub the result is also in the step summary
(GITHUB_STEP_SUMMARY), and plan has the outputs "manifest" and "changes" (GITHUB_OUTPUT).
Exit codes: 0 done, 1 failed, 2 asked wrongly.`;

/** @throws Error with a sentence for whoever typed it */
export function parseCommand(argv: readonly string[]): Command {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      artefact: { type: 'string' },
      region: { type: 'string' },
      'ca-file': { type: 'string' },
      function: { type: 'string', multiple: true },
      database: { type: 'string', multiple: true },
      manifest: { type: 'string' },
      again: { type: 'boolean' },
    },
  });
  const [name, ...rest] = positionals;
  const known = optionsOf.get(name ?? '');
  if (name === undefined || known === undefined) throw new Error(`"${name ?? ''}" is no command.`);
  if (rest.length > 0) throw new Error(`${name} takes no "${rest[0]}".`);
  // A variable that a workflow did not get arrives as an empty text: "--manifest=" would mean no check.
  for (const [option, value] of Object.entries(values)) {
    if (!known.includes(option)) throw new Error(`${name} takes no --${option}.`);
    if ([value].flat().includes('')) throw new Error(`--${option} is empty: is its variable set?`);
  }
  const functions = values.function ?? [];
  const artefact = values.artefact ?? defaultArtefact;
  const databases = values.database ?? [];
  if (name === 'build') {
    const { region, 'ca-file': caFile } = values;
    if (region === undefined && caFile !== undefined) throw new Error('--ca-file needs --region.');
    return {
      name,
      artefact,
      ...(region === undefined ? {} : { region }),
      ...(caFile === undefined ? {} : { caFile }),
    };
  }
  const [first, second] = functions;
  if (first === undefined) throw new Error(`${name} needs --function.`);
  if (name === 'upload') return { name, artefact, functions };
  if (second !== undefined) throw new Error(`${name} takes one --function.`);
  if (name === 'sweep') return { name, function: first, again: values.again === true };
  if (name === 'plan') return { name, function: first, databases };
  return {
    name: 'apply',
    function: first,
    databases,
    ...(values.manifest === undefined ? {} : { manifest: values.manifest }),
  };
}

const optionsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['build', ['artefact', 'region', 'ca-file']],
  ['upload', ['artefact', 'function']],
  ['plan', ['function', 'database']],
  ['apply', ['function', 'database', 'manifest']],
  ['sweep', ['function', 'again']],
]);
