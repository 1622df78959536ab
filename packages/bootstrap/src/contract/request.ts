import * as v from 'valibot';

/** What an event may be: enumerations, counts, hashes and declared names. SQL never travels. */
export type Request =
  | { readonly action: 'ping' }
  /** Default for `databases`, here and below: all that the artefact declares. */
  | { readonly action: 'plan'; readonly databases?: readonly string[] }
  | {
      readonly action: 'apply';
      readonly databases?: readonly string[];
      /** Stop between two migrations when the invocation has taken that long. Default: when its time is nearly over. */
      readonly budgetMs?: number;
    }
  | { readonly action: 'status'; readonly databases?: readonly string[] }
  | {
      readonly action: 'migrate';
      readonly databases?: readonly string[];
      /** Up to and with this migration. Needs exactly one database. */
      readonly to?: string;
      /** Run each pending migration in a transaction that is rolled back; those that decline a transaction are left out. */
      readonly dryRun?: boolean;
      readonly budgetMs?: number;
    }
  /** Take back the last `count` migrations of one database, newest first. */
  | {
      readonly action: 'down';
      readonly database: string;
      readonly count: number;
      /**
       * The newest of them. It makes the request one that can be repeated: what was taken back already is not counted anew. Only a
       * dry run goes without it. Client and shell ask `status` for it where they are not told.
       */
      readonly from?: string;
      readonly dryRun?: boolean;
      readonly budgetMs?: number;
    }
  /** Record pending migrations as applied without running them. */
  | { readonly action: 'fake'; readonly database: string; readonly to?: string }
  /**
   * Drop what was once created by a declaration of these databases and is declared no longer. `dropDatabases`: databases of ours
   * that no artefact declares any more; their data is gone then.
   */
  | {
      readonly action: 'prune';
      readonly databases?: readonly string[];
      readonly dropDatabases?: readonly string[];
      readonly dryRun?: boolean;
    }
  | {
      readonly action: 'prepare';
      readonly database: string;
      /** The template hash of the caller's own manifest. */
      readonly hash: string;
      readonly run: string;
      /** How many test databases: the run has number `first` to `first + count - 1` of this hash afterwards. */
      readonly count: number;
      /** Number of the first one. Default 1, which makes `count` how many the run shall have in all. */
      readonly first?: number;
      /** A database of this run that `branch` has sealed: cloned in place of the template. `hash` is then that of the branch. */
      readonly from?: string;
    }
  /**
   * Seals the run's own database `from`, as it is now, as what `prepare` with `from` clones for this run. Sessions in it end, and it
   * takes no new ones. It goes with the run.
   */
  | {
      readonly action: 'branch';
      readonly database: string;
      readonly run: string;
      /** What the clones are named by: any hash that says what was done to the database, such as that of template and seed. */
      readonly hash: string;
      readonly from: string;
    }
  | {
      readonly action: 'publish';
      readonly database: string;
      readonly hash: string;
      readonly run: string;
      readonly count: number;
      /** Names of the migrations that the caller has run, in order. */
      readonly migrations: readonly string[];
    }
  /** Without `databases`: all of the run, which is then over. */
  | {
      readonly action: 'drop';
      readonly run: string;
      readonly databases?: readonly string[];
      /** The run is over, but these stay for `keepMs`, for somebody to look into them; then `sweep` drops them. Not with `databases`. */
      readonly keep?: readonly string[];
      /** By the server's clock, at most 24 hours. Default ten minutes. Repeating the request does not prolong it. */
      readonly keepMs?: number;
    }
  /** What dead runs left behind, what was kept long enough, and templates that nobody uses any more. */
  | { readonly action: 'sweep'; readonly dryRun?: boolean };
export type Action = Request['action'];
export type RequestOf<A extends Action> = Extract<Request, { action: A }>;

type Text = v.GenericSchema<unknown, string>;

const name: Text = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,62}$/));
const hash: Text = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const run: Text = v.pipe(v.string(), v.regex(/^[a-z0-9]{8,20}$/));
const testDatabase: Text = v.pipe(v.string(), v.regex(/^pt_[0-9a-f]{8}_r[a-z0-9]{8,20}_\d{1,4}$/));
const migration: Text = v.pipe(v.string(), v.regex(/^\w[\w.-]{0,199}$/));
const count: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(200),
);
const first: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  // The last number of a name is 9999.
  v.maxValue(9800),
);
const keepMs: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(24 * 3_600_000),
);
const budget: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(900_000),
);
const declared: v.GenericSchema<unknown, string[]> = v.pipe(v.array(name), v.minLength(1), v.maxLength(100));

/** Longest lists and texts are bounded, unknown keys refused: an event carries no SQL and no free text. */
const forms = [
  v.strictObject({ action: v.literal('ping') }),
  v.strictObject({ action: v.literal('plan'), databases: v.exactOptional(declared) }),
  v.strictObject({
    action: v.literal('apply'),
    databases: v.exactOptional(declared),
    budgetMs: v.exactOptional(budget),
  }),
  v.strictObject({ action: v.literal('status'), databases: v.exactOptional(declared) }),
  v.strictObject({
    action: v.literal('migrate'),
    databases: v.exactOptional(declared),
    to: v.exactOptional(migration),
    dryRun: v.exactOptional(v.boolean()),
    budgetMs: v.exactOptional(budget),
  }),
  v.strictObject({
    action: v.literal('down'),
    database: name,
    count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2000)),
    from: v.exactOptional(migration),
    dryRun: v.exactOptional(v.boolean()),
    budgetMs: v.exactOptional(budget),
  }),
  v.strictObject({ action: v.literal('fake'), database: name, to: v.exactOptional(migration) }),
  v.strictObject({
    action: v.literal('prune'),
    databases: v.exactOptional(declared),
    dropDatabases: v.exactOptional(declared),
    dryRun: v.exactOptional(v.boolean()),
  }),
  v.strictObject({
    action: v.literal('prepare'),
    database: name,
    hash: hash,
    run: run,
    count: count,
    first: v.exactOptional(first),
    from: v.exactOptional(testDatabase),
  }),
  v.strictObject({ action: v.literal('branch'), database: name, run: run, hash: hash, from: testDatabase }),
  v.strictObject({
    action: v.literal('publish'),
    database: name,
    hash: hash,
    run: run,
    count: count,
    migrations: v.pipe(v.array(migration), v.maxLength(2000)),
  }),
  v.strictObject({
    action: v.literal('drop'),
    run: run,
    databases: v.exactOptional(v.pipe(v.array(testDatabase), v.minLength(1), v.maxLength(200))),
    keep: v.exactOptional(v.pipe(v.array(testDatabase), v.minLength(1), v.maxLength(20))),
    keepMs: v.exactOptional(keepMs),
  }),
  v.strictObject({ action: v.literal('sweep'), dryRun: v.exactOptional(v.boolean()) }),
] as const;
const request: v.GenericSchema<unknown, Request> = v.variant('action', forms);

export const bootstrapActions: readonly Action[] = ['ping', 'plan', 'apply', 'status', 'migrate'];
/** They take something away: a function does them only when its configuration names them. */
export const cautiousActions: readonly Action[] = ['prune', 'down', 'fake'];
export const testDatabaseActions: readonly Action[] = [
  'ping',
  'prepare',
  'publish',
  'branch',
  'drop',
  'sweep',
];
export const allActions: readonly Action[] = [
  ...new Set([...bootstrapActions, ...cautiousActions, ...testDatabaseActions]),
];

/**
 * Validates an event. Problems name fields and expectations, never the values: the answer and the log must not
 * repeat what somebody sent.
 */
export function parseRequest(
  event: unknown,
):
  | { readonly request: Request; readonly problems?: never }
  | { readonly request?: never; readonly problems: string[] } {
  const result = v.safeParse(request, event);
  if (!result.success) {
    return { problems: [...new Set(result.issues.slice(0, 10).map((issue) => problemOf(issue, event)))] };
  }
  const { output } = result;
  // Whoever repeats it, a person or Lambda, would take back the next ones as well.
  if (output.action === 'down' && output.from === undefined && output.dryRun !== true) {
    return {
      problems: ['from: is missing; name the newest migration that is to be taken back (status tells it)'],
    };
  }
  if (output.action === 'drop' && output.keep !== undefined && output.databases !== undefined) {
    return { problems: ['keep: what is kept is kept of a whole run; leave out databases'] };
  }
  if (output.action === 'drop' && output.keepMs !== undefined && output.keep === undefined) {
    return { problems: ['keep: is missing; keepMs says how long it is kept'] };
  }
  return { request: output };
}

function problemOf(issue: v.BaseIssue<unknown>, event: unknown): string {
  const path = issue.path?.map((item) => String(item.key).slice(0, 40)).join('.') || 'event';
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return `${path}: unknown field; ${fieldsOf(event)}`;
  }
  if (issue.kind === 'schema' && issue.received === 'undefined') return `${path}: is missing`;
  if (issue.type === 'min_length') return `${path}: must not be empty`;
  if (issue.type === 'integer') return `${path}: expected an integer`;
  if (issue.expected === 'Array') return `${path}: expected a list`;
  return `${path}: expected ${issue.expected ?? 'something else'}`;
}

/** What the action of an event takes. */
function fieldsOf(event: unknown): string {
  const { action } = event as { action: Action };
  const form = forms.find(({ entries }) => entries.action.literal === action);
  const names = Object.keys(form?.entries ?? {}).filter((name) => name !== 'action');
  return `${action} takes ${names.join(', ') || 'none'}`;
}
