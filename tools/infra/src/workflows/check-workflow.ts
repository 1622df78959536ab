import { commandProblems } from './check-command.ts';
import {
  type Job,
  parserErrors,
  readWorkflow,
  type Step,
  usesOf,
  variablesOf,
  type Workflow,
} from './read-workflow.ts';

/** Action → version and commit that somebody has looked up, and where. */
export type Pins = Readonly<
  Record<string, { readonly version: string; readonly commit: string; readonly source: string }>
>;

const credentials = 'aws-actions/configure-aws-credentials';
const allowed: Readonly<Record<string, string>> = { contents: 'read', 'id-token': 'write' };

/** Everything that is wrong with a workflow, each with where it is. Empty: it may run. */
export function checkWorkflow(name: string, text: string, root: string, pins: Pins): string[] {
  const errors = parserErrors(name, text);
  if (errors.length > 0) return errors;
  const workflow = readWorkflow(text);
  return [
    ...wholeProblems(workflow),
    ...pinProblems(text, pins),
    ...Object.entries(workflow.jobs).flatMap(([id, job]) =>
      [...jobProblems(workflow, job), ...job.steps.flatMap((step) => [...stepProblems(root, job, step)])].map(
        (problem) => `${id}: ${problem}`,
      ),
    ),
  ];
}

function* wholeProblems(workflow: Workflow): Generator<string> {
  const { text, on, permissions, concurrency } = workflow;
  if (permissions === undefined || Object.keys(permissions).length > 0)
    yield 'permissions: {} is missing at the top: each job says what it needs';
  if (concurrency === undefined) yield 'concurrency is missing: two runs at once would meet';
  if ('pull_request_target' in on) yield 'pull_request_target gives code of strangers our token';
  if (/\bsecrets\b/.test(withoutComments(text))) yield 'secrets: there are none, credentials come by OIDC';
  if (/\barn:aws/.test(text) || /\b\d{12}\b/.test(text))
    yield 'an ARN or account id: roles come from variables';
  const header = /^(?:#.*\n)*/.exec(text)?.[0] ?? '';
  for (const variable of variablesOf(text))
    if (!new RegExp(`\\b${variable}\\b`).test(header)) yield `vars.${variable} is not explained at the top`;
}

function* pinProblems(text: string, pins: Pins): Generator<string> {
  for (const { action, reference, comment } of usesOf(text)) {
    const pin = pins[action];
    if (!/^[0-9a-f]{40}$/.test(reference)) yield `${action}@${reference} is not pinned by commit`;
    else if (!/^# v\d+\.\d+\.\d+$/.test(comment)) yield `${action} has no version in a comment`;
    else if (pin === undefined) yield `${action} has no line in actions.json`;
    else if (reference !== pin.commit || comment !== `# ${pin.version}`)
      yield `${action} is ${reference} ${comment}, and actions.json has ${pin.commit} # ${pin.version}`;
  }
}

function* jobProblems(workflow: Workflow, job: Job): Generator<string> {
  const condition = job.if ?? '';
  if (!/\bvars\.POSTERN_\w+ != ''/.test(condition))
    yield 'if asks for no variable: in a fork without them it would run and fail';
  if (!((job['timeout-minutes'] ?? 360) <= 60)) yield 'timeout-minutes of an hour at most is missing';
  if (job.permissions === undefined) yield 'permissions are missing';
  for (const [scope, access] of Object.entries(job.permissions ?? {}))
    if (allowed[scope] !== access) yield `permission ${scope}: ${access} is more than it needs`;
  const step = job.steps.find(({ uses }) => uses?.startsWith(`${credentials}@`));
  const asksForToken = job.permissions?.['id-token'] === 'write';
  if (step === undefined && asksForToken) yield 'id-token: write without credentials to get with it';
  if (step !== undefined && !asksForToken) yield 'credentials without id-token: write';
  if (step === undefined) return;
  if ('pull_request' in workflow.on && !condition.includes('head.repo.full_name == github.repository'))
    yield 'if lets pull requests of forks in, which get no token and fail';
  if ('pull_request' in workflow.on && !condition.includes("github.actor != 'dependabot[bot]'"))
    yield 'if lets Dependabot’s pull requests in: a new version would run with the role before a person has seen it';
  yield* foreignCodeProblems(workflow, job);
  const role = String(step.with?.['role-to-assume'] ?? '');
  const variable = /^\$\{\{ vars\.(POSTERN_(CI|DEPLOY)_ROLE_ARN) \}\}$/.exec(role);
  if (variable === null) yield 'role-to-assume is not a variable of the repository';
  else if (!condition.includes(`vars.${variable[1]} != ''`)) yield `if does not ask for ${variable[1]}`;
  if (variable?.[2] === 'DEPLOY' && job.environment === undefined)
    yield 'the deploy role trusts environments only, and this job has none';
  if (variable?.[2] === 'CI' && job.environment !== undefined)
    yield 'the CI role trusts pull requests and main, and a job with an environment is neither to GitHub';
  const session = String(step.with?.['role-session-name'] ?? '');
  if (!session.includes('github.run_id') || !session.includes('github.run_attempt'))
    yield 'role-session-name is shared with other runs, which could end its sessions';
  if (job.strategy?.matrix !== undefined && !session.includes('strategy.job-index'))
    yield 'role-session-name is shared by the jobs of the matrix, which could end one another’s sessions';
}

/** Everything that runs in a job with id-token: write can take its role. */
function* foreignCodeProblems(workflow: Workflow, job: Job): Generator<string> {
  const commands = job.steps.map(({ run }) => run ?? '');
  if (commands.some((run) => /\bnpm ci\b(?! --ignore-scripts)/.test(run)))
    yield 'scripts of packages run where the role can be taken: npm ci --ignore-scripts';
  if (commands.some((run) => /\bfunctions build\b/.test(run)))
    yield 'the artefact is built where the role can be taken: build it in a job without id-token, and download it here';
  // A pull request's job runs that pull request's code anyway, and others cannot read what it puts into a cache.
  if ('pull_request' in workflow.on) return;
  const node = job.steps.find(({ uses }) => uses?.startsWith('actions/setup-node@'));
  if (node !== undefined && node.with?.['package-manager-cache'] !== false)
    yield 'packages come from the cache of other runs to where the role can be taken: package-manager-cache: false';
  if (node?.with?.['cache'] !== undefined) yield 'cache where the role can be taken: leave it out';
}

function* stepProblems(root: string, job: Job, step: Step): Generator<string> {
  if (step.run !== undefined) yield* commandProblems(root, job, step);
  const { uses = '', with: inputs = {} } = step;
  if (uses.startsWith('actions/checkout@') && inputs['persist-credentials'] !== false)
    yield 'checkout leaves its token in .git: persist-credentials: false';
  const path = String(inputs['path'] ?? '');
  if (
    uses.startsWith('actions/upload-artifact@') &&
    /(?:^|\/)\./.test(path) &&
    inputs['include-hidden-files'] !== true
  )
    yield `${path} is hidden, and would not be uploaded: include-hidden-files: true`;
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*#.*$/gm, '');
}
