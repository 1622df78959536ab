import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { ProgressEvent } from '../contract/progress.ts';
import { beginningOf, nothingToTakeBack, repeatedWith } from '../contract/repeatable-down.ts';
import { allActions, bootstrapActions } from '../contract/request.ts';
import type { ErrorResponse, Response, StatusResult } from '../contract/response.ts';
import { BootstrapError } from '../errors.ts';
import { errorText, incomplete, toErrorResponse } from './failure.ts';
import { type Ports, perform } from './perform.ts';

/** What a command line may say; which action takes what is the contract's to know. */
const options = {
  databases: { type: 'string' },
  database: { type: 'string' },
  to: { type: 'string' },
  from: { type: 'string' },
  count: { type: 'string' },
  'drop-databases': { type: 'string' },
  'dry-run': { type: 'boolean' },
  hash: { type: 'string' },
  run: { type: 'string' },
  migrations: { type: 'string' },
  first: { type: 'string' },
  keep: { type: 'string' },
  'keep-ms': { type: 'string' },
  log: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const usage = `node index.mjs <action> [options]

Runs an action of the bootstrap from inside the VPC, without Lambda.

  ping                                          logs in, and says what is deployed
  plan | status  [--databases a,b]              looks, and changes nothing
  apply          [--databases a,b]
  migrate        [--databases a,b] [--to <migration>] [--dry-run]
  down           --database a --count 1 [--from <migration>] [--dry-run]
  fake           --database a [--to <migration>]
  prune          [--databases a,b] [--drop-databases c] [--dry-run]
  prepare        --database a --hash <hash> --run <run> --count 4 [--first 5] [--from x]
  publish        --database a --hash <hash> --run <run> --count 4 --migrations 1_a,2_b
  branch         --database a --hash <hash> --run <run> --from x
  drop           --run <run> [--databases x,y | --keep x,y [--keep-ms 600000]]
  sweep          [--dry-run]

  --log text|json   progress on standard error as text (default) or as structured log lines

The result is JSON on standard output. Exit codes: 0 done, 1 failed, 2 asked wrongly.
The environment configures it as it does the function: POSTERN_DB_HOST, POSTERN_DB_SECRET_ARN (or POSTERN_DB_SECRET_FILE), …
POSTERN_ALLOWED_ACTIONS is ${bootstrapActions.join(',')} unless it is set.
`;

/** The terminal. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Calls back at the first request to stop; the next one ends the process. */
  onStop(listener: () => void): void;
}

/** Runs one command line and gives the exit code. */
export async function runShell(
  args: readonly string[],
  ports: Omit<Ports, 'log'>,
  terminal: Terminal,
): Promise<number> {
  const parsed = readArguments(args);
  if ('help' in parsed) {
    terminal.out(usage);
    return 0;
  }
  if ('problem' in parsed) {
    terminal.err(`${parsed.problem}\n\n${usage}`);
    return 2;
  }
  const { request, json } = parsed;
  let stopping = false;
  terminal.onStop(() => {
    stopping = true;
    terminal.err('stopping after the migration that is at work; once more to end at once\n');
  });
  const startedAt = ports.now();
  const allowed = ports.environment['POSTERN_ALLOWED_ACTIONS'] || bootstrapActions.join(',');
  const correlationId = randomUUID();
  const run = async (event: object, quiet = false): Promise<Response> =>
    await perform(
      {
        ...ports,
        environment: { ...ports.environment, POSTERN_ALLOWED_ACTIONS: quiet ? 'status' : allowed },
        log: json && !quiet ? (line) => terminal.err(`${JSON.stringify(line)}\n`) : () => {},
      },
      event,
      {
        base: { function_name: 'shell' },
        functionName: 'shell',
        correlationId,
        remainingMs: () => Number.POSITIVE_INFINITY,
        stop: () => stopping,
        ...(json ? {} : { onProgress: (event) => terminal.err(lineOf(event, ports.now() - startedAt)) }),
      },
    );
  const { action, database, count, from, dryRun } = request;
  const ofCountOnly = action === 'down' && from === undefined && dryRun !== true;
  if (!ofCountOnly || database === undefined || count === undefined) {
    return report(await run(request), terminal);
  }
  // Refused before anything is asked.
  if (!allowed.split(',').some((name) => name.trim() === 'down')) {
    return report(await run({ ...request, from: 'any' }), terminal);
  }
  const status = await run({ action: 'status', databases: [database] }, true);
  if (!status.ok) return report(status, terminal);
  const beginning = beginningOf(status.result as StatusResult);
  if (beginning === undefined) {
    const { message, hint } = nothingToTakeBack;
    const error = new BootstrapError('BOOTSTRAP_MIGRATION_UNKNOWN', message, { hint });
    return report({ ok: false, error: toErrorResponse(error) }, terminal);
  }
  const again = repeatedWith(`--from ${beginning}`, count);
  // Also for one that is killed.
  terminal.err(`beginning at ${beginning}. ${again}\n`);
  return report(await run({ ...request, from: beginning }), terminal, again);
}

function report(response: Response, terminal: Terminal, again?: string): number {
  const tell = ({ hint, ...error }: ErrorResponse): void => {
    const steps = [hint, again].filter(Boolean).join(' ');
    terminal.err(`${errorText({ ...error, hint: steps })}\n`);
  };
  if (!response.ok) {
    tell(response.error);
    return response.error.kind === 'invalid' ? 2 : 1;
  }
  const { result } = response;
  terminal.out(`${JSON.stringify(result, null, 2)}\n`);
  if (!('done' in result) || result.done) return 0;
  tell(toErrorResponse(incomplete(result)));
  return 1;
}

/** As far as the shell itself looks at it. */
interface ShellRequest {
  readonly action: string;
  readonly database?: string;
  readonly count?: number;
  readonly from?: string;
  readonly dryRun?: boolean;
}

type Parsed =
  | { readonly help: true }
  | { readonly problem: string }
  | { readonly request: ShellRequest; readonly json: boolean };

function readArguments(args: readonly string[]): Parsed {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values.help) return { help: true };
    const [action, ...more] = positionals;
    if (action === undefined) return { problem: 'no action' };
    if (!(allActions as readonly string[]).includes(action)) return { problem: `unknown action "${action}"` };
    if (more.length > 0) return { problem: `one action at a time; what is "${more[0]}"?` };
    const log = values.log ?? 'text';
    if (log !== 'text' && log !== 'json') return { problem: '--log is text or json' };
    for (const name of ['count', 'first', 'keep-ms'] as const) {
      if (!/^\d{1,8}$/.test(values[name] ?? '0')) return { problem: `--${name} is not a number` };
    }
    const fields = {
      databases: listOf(values.databases),
      database: values.database,
      to: values.to,
      from: values.from,
      count: numberOf(values.count),
      first: numberOf(values.first),
      keep: listOf(values.keep),
      keepMs: numberOf(values['keep-ms']),
      dropDatabases: listOf(values['drop-databases']),
      dryRun: values['dry-run'],
      hash: values.hash,
      run: values.run,
      migrations: listOf(values.migrations),
    };
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    return { request: { action, ...Object.fromEntries(given) }, json: log === 'json' };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

const listOf = (text: string | undefined): string[] | undefined =>
  text?.split(',').map((item) => item.trim());

/** One line of text; what a person at a terminal wants to see is the statement itself. */
function lineOf(event: ProgressEvent, elapsedMs: number): string {
  const seconds = `${(elapsedMs / 1000).toFixed(1).padStart(7)}s `;
  const took = (durationMs: number | undefined): string =>
    durationMs === undefined ? '' : ` (${Math.round(durationMs)} ms)`;
  switch (event.event) {
    case 'statement': {
      const said = (event.notices ?? []).map((notice) => `${' '.repeat(9)}  ${notice}\n`).join('');
      return `${seconds}${event.database}: ${event.sql}${took(event.durationMs)}\n${said}`;
    }
    case 'migration':
      return `${seconds}${event.database}: ${event.name} ${event.state}${took(event.durationMs)}\n`;
    case 'notice':
      return `${seconds}${event.database}: ${event.migration}: ${event.severity}: ${event.message}\n`;
  }
}
