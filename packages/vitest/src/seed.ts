import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import type { Sql } from './sql.ts';
import type { TestDatabase } from './test-database.ts';

/** What a seed works with: a fresh database that nobody else uses yet. */
export interface SeedContext {
  readonly database: TestDatabase;
  /** Sessions of the seed's role. Ended for you. */
  readonly pool: Pool;
  readonly sql: Sql;
}

/** Data that a suite starts from. Made with {@link defineSeed}. */
export interface Seed {
  readonly name: string;
  readonly role: string | undefined;
  readonly fill: (context: SeedContext) => Promise<unknown> | unknown;
}

/**
 * Data that files start from, in addition to the template's. It is filled in once for a run, by the first that needs it, and
 * becomes a branch of the template: everybody who names this seed gets a clone of the branch.
 *
 * Two seeds are the same when their name and the text of their function are, also over files. What the function
 * takes from outside (imported helpers, variables) is not looked at: within a run that does not change.
 */
export function defineSeed(name: string, fill: Seed['fill'], options: { role?: string } = {}): Seed {
  return Object.freeze({ name, fill, role: options.role });
}

/** Says what a branch holds, for everybody of the run. */
export function seedKey(seed: Seed): string {
  const text = JSON.stringify([seed.name, seed.role ?? null, String(seed.fill)]);
  return createHash('sha256').update(text).digest('hex');
}
