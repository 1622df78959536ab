import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationBuilder, RunnerOption } from 'node-pg-migrate';

type Strategy = NonNullable<RunnerOption['migrationLoaderStrategies']>[number];
type Unit = Awaited<ReturnType<Exclude<Strategy['loader'], string>>>[number];
type Actions = Unit['actions'];

/** Which migration is at work; node-pg-migrate's errors do not say. */
export interface Progress {
  file: string | undefined;
  /** For SQL files: the part that is sent, and where in the file it begins. */
  sql: { readonly text: string; readonly firstLine: number } | undefined;
  /** Whether the migration has a transaction; `pgm.noTransaction()` may be called at any time. */
  inTransaction: () => boolean;
}

/**
 * How files become migrations in the artefact: `.mjs` (everything that was TypeScript or JavaScript, compiled
 * at build time) by native import, `.sql` by the rules of node-pg-migrate's classic SQL migrations. Its own
 * loader would need jiti with its compiler beside the bundle.
 */
export function loaderStrategies(progress: Progress, recordOf: RecordOf): Strategy[] {
  return [
    {
      extensions: ['.mjs'],
      loader: (files) => inTurn(files, (file) => loadModule(file, progress, recordOf)),
    },
    { extensions: ['.sql'], loader: (files) => inTurn(files, (file) => loadSql(file, progress, recordOf)) },
  ];
}

/** The statement that records a migration of that file name; it goes into the migration's own transaction. */
type RecordOf = (file: string) => string | undefined;

function record(pgm: MigrationBuilder, file: string, recordOf: RecordOf): void {
  const statement = recordOf(basename(file));
  if (statement !== undefined) pgm.sql(statement);
}

/** One after the other: the first file that cannot be loaded is the one that is named. */
async function inTurn(files: readonly string[], load: (file: string) => Promise<Unit>): Promise<Unit[]> {
  const units: Unit[] = [];
  for (const file of files) units.push(await load(file));
  return units;
}

async function loadModule(file: string, progress: Progress, recordOf: RecordOf): Promise<Unit> {
  const namespace = await import(/* @vite-ignore */ pathToFileURL(file).href).catch((cause: unknown) => {
    progress.file = basename(file);
    throw cause;
  });
  const module: Actions = 'up' in namespace ? namespace : (namespace.default ?? namespace);
  return {
    id: file,
    filePaths: [file],
    actions: {
      ...module,
      up: traced(module.up, file, progress, recordOf),
      // A `down` that is missing means "the reverse of up", `false` means "there is none".
      ...('down' in module ? { down: module.down } : {}),
    } as Actions,
  };
}

/** The migration with two amends to node-pg-migrate: its callback may fail, and `pgm.db` is in its transaction. */
function traced(action: Actions['up'], file: string, progress: Progress, recordOf: RecordOf): Actions['up'] {
  if (typeof action !== 'function') return action;
  return async (pgm: MigrationBuilder) => {
    progress.file = basename(file);
    progress.sql = undefined;
    progress.inTransaction = () => pgm.isUsingTransaction();
    const settle = joinTransaction(pgm);
    // As node-pg-migrate tells callback migrations: by their two parameters. It takes an error for success.
    if (action.length === 2) {
      await new Promise<void>((resolve, reject) => {
        (action as (pgm: MigrationBuilder, done: (error?: unknown) => void) => void)(pgm, (error) =>
          error ? reject(error) : resolve(),
        );
      });
    } else await (action as (pgm: MigrationBuilder) => unknown)(pgm);
    await settle();
    record(pgm, file, recordOf);
  };
}

/**
 * node-pg-migrate collects statements and sends them between BEGIN and COMMIT after the function has returned; what
 * the function sends by `pgm.db` would be committed before. So the first of these begins the transaction, and
 * the BEGIN that follows is no more than a warning. A migration that then leaves its transaction keeps it.
 */
function joinTransaction(pgm: MigrationBuilder): () => Promise<void> {
  const { db } = pgm;
  let begun: Promise<unknown> | undefined;
  const joined =
    <A extends unknown[], R>(send: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (pgm.isUsingTransaction()) {
        begun ??= db.query('BEGIN');
        await begun;
      }
      return await send(...args);
    };
  Object.assign(pgm, { db: { ...db, query: joined(db.query), select: joined(db.select) } });
  return async () => {
    if (begun && !pgm.isUsingTransaction()) await db.query('COMMIT');
  };
}

async function loadSql(file: string, progress: Progress, recordOf: RecordOf): Promise<Unit> {
  const content = await readFile(file, 'utf8');
  const { up, down } = splitSql(content);
  return {
    id: file,
    filePaths: [file],
    actions: {
      up: (pgm: MigrationBuilder) => {
        progress.file = basename(file);
        progress.inTransaction = () => true;
        progress.sql = { text: up.text, firstLine: content.slice(0, up.start).split('\n').length };
        pgm.sql(up.text);
        record(pgm, file, recordOf);
      },
      down: down === undefined ? false : (pgm: MigrationBuilder) => pgm.sql(down.text),
    },
  };
}

/** `-- Up Migration` and `-- Down Migration` lines split a file; without a marker everything is up. */
export function splitSql(content: string): {
  readonly up: { readonly text: string; readonly start: number };
  readonly down: { readonly text: string; readonly start: number } | undefined;
} {
  const up = content.search(/^\s*--[\s-]*up\s+migration/im);
  const down = content.search(/^\s*--[\s-]*down\s+migration/im);
  const part = (start: number, other: number): { text: string; start: number } => ({
    text: content.slice(start, other > start ? other : undefined),
    start,
  });
  return {
    up: up >= 0 ? part(up, down) : { text: content, start: 0 },
    down: down >= 0 ? part(down, up) : undefined,
  };
}
