import { quoteIdentifier, type SqlClient } from '@postern/test-databases/server';

export interface Statement {
  readonly sql: string;
  /** Why it is needed, for the person who reads the plan. */
  readonly why: string;
  /** Takes back what could lock the master out. */
  readonly undo?: string;
}

/**
 * For statements that need a table for themselves, ALTER … OWNER and its like: whoever comes later queues behind them. Shorter than
 * deadlock_timeout, so that it is never the service's transaction that is ended.
 */
export const briefLockTimeoutMs = 800;

/** Statements that belong together. */
export interface PlanGroup {
  readonly title: string;
  /** Where they run. */
  readonly database: string;
  /** CREATE DATABASE and ALTER DATABASE OWNER stand alone; everything else is all or nothing. */
  readonly transaction: boolean;
  /** Grants memberships: checked by the lock-out guard before commit and by a second login after. */
  readonly guarded: boolean;
  /** How long its statements wait for locks that the service holds, before they give up and let it work. Default: for ever. */
  readonly lockTimeoutMs?: number;
  /** The object that it is about, when others need not wait for its lock: tried again later, and told at the end if it cannot be had. */
  readonly patient?: string;
  readonly statements: readonly Statement[];
  /**
   * Set where the catalog could not be read before: the statements are what may be expected, and when its turn comes these groups
   * are run in its place, planned from what is there then.
   */
  readonly again?: (session: SqlClient) => Promise<readonly PlanGroup[]>;
}

export function identifiers(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ');
}

/** A name as an SQL string. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
