import type pg from 'pg';
import { copyIn } from './copy-in.ts';
import type { RandomSession } from './random-round.ts';

interface PlayedRound {
  /** Sessions that are still open and hold something. */
  readonly unclean: readonly pg.Client[];
  /** Those that hold nothing. */
  readonly clean: readonly OpenSession[];
  /** Whether something was done, and committed, that no reset undoes. */
  readonly final: boolean;
  readonly statements: number;
  readonly failed: number;
  readonly log: readonly string[];
}

export interface OpenSession {
  readonly as: RandomSession['as'];
  readonly client: pg.Client;
  readonly pid: number;
}

/** Does what a round says. Statements may fail, as those of tests do. */
export async function playRound(
  sessions: readonly RandomSession[],
  open: (as: RandomSession['as']) => Promise<OpenSession>,
): Promise<PlayedRound> {
  const played = {
    unclean: [] as pg.Client[],
    clean: [] as OpenSession[],
    final: false,
    statements: 0,
    failed: 0,
    log: [] as string[],
  };
  for (const session of sessions) {
    const opened = await open(session.as);
    const { client } = opened;
    await client.query(`SET lock_timeout = '50ms'`);
    const unfinished = session.end === 'open transaction';
    let dirty = unfinished;
    if (unfinished) await client.query('BEGIN');
    for (const step of session.steps) {
      played.statements++;
      played.log.push(`${session.as}: ${step.sql}`);
      dirty ||= /advisory|TEMP|ALTER SEQUENCE|nextval/.test(step.sql);
      try {
        if (step.copy === undefined) await client.query(step.sql);
        else await copyIn(client, step.sql, step.copy);
        if (step.final && !unfinished) played.final = true;
      } catch (error) {
        played.failed++;
        played.log.push(`  ${error instanceof Error ? error.message : String(error)}`);
        if (!unfinished) await client.query('ROLLBACK');
      }
    }
    if (session.end === 'closed') await client.end();
    else if (dirty) played.unclean.push(client);
    else {
      await client.query('ROLLBACK; RESET ALL');
      played.clean.push(opened);
    }
    played.log.push(`${session.as}: ${session.end}`);
  }
  return played;
}
