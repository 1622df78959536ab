import { seededRandom } from '@postern/ssm-protocol/testing';
import { hashContents, resetDatabase } from '@postern/test-databases/server';
import type pg from 'pg';
import type { Outcome } from '../outcome.ts';
import { type ResetCluster, roles, startResetCluster } from './cluster.ts';
import { type OpenSession, playRound } from './play-round.ts';
import { randomRound } from './random-round.ts';
import { Dice, type RandomSchema, randomSchema } from './random-schema.ts';

export interface ResetOptions {
  readonly rounds: number;
  readonly seed: number;
}

/** Rounds with one schema. */
const roundsPerSchema = 50;
/** Schemas at a time. */
const lanes = 2;

interface Tally {
  rounds: number;
  resets: number;
  tables: number;
  statements: number;
  failed: number;
  sessionsEnded: number;
  mismatches: number;
  readonly discards: Map<string, number>;
  readonly resetMs: number[];
  readonly failures: string[];
}

/**
 * Random tests on random schemas: after each the database is reset, and holds what an untouched clone holds, or the reset said that it
 * could not. A statement that no reset undoes has to lead to the latter.
 */
export async function reset({ rounds, seed }: ResetOptions): Promise<Outcome> {
  await using cluster = await startResetCluster();
  const tally: Tally = {
    rounds: 0,
    resets: 0,
    tables: 0,
    statements: 0,
    failed: 0,
    sessionsEnded: 0,
    mismatches: 0,
    discards: new Map(),
    resetMs: [],
    failures: [],
  };
  const schemas = Math.ceil(rounds / roundsPerSchema);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < schemas; index = next++) {
      const some = Math.min(roundsPerSchema, rounds - index * roundsPerSchema);
      try {
        await playSchema(cluster, { seed, index, rounds: some }, tally);
      } catch (error) {
        tally.failures.push(`schema ${index}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  tally.resetMs.sort((a, b) => a - b);
  const discards = [...tally.discards].sort(([a], [b]) => a.localeCompare(b));
  return {
    name: 'reset',
    settings: { rounds, seed, schemas },
    figures: {
      'rounds played': tally.rounds,
      resets: tally.resets,
      'tables put back': tally.tables,
      ...Object.fromEntries(discards.map(([reason, count]) => [`discards: ${reason}`, count])),
      'sessions ended': tally.sessionsEnded,
      statements: tally.statements,
      'statements that failed': tally.failed,
      'reset: median ms': tally.resetMs[Math.floor(tally.resetMs.length / 2)] ?? 0,
      mismatches: tally.mismatches,
    },
    failures: tally.failures,
  };
}

async function playSchema(
  cluster: ResetCluster,
  { seed, index, rounds }: { seed: number; index: number; rounds: number },
  tally: Tally,
): Promise<void> {
  const dice = new Dice(seededRandom(seed * 1_000_003 + index));
  const schema = randomSchema(dice);
  const template = `template_${index}`;
  await cluster.template(template, schema.sql, index % 2 === 0 ? 'master' : 'superuser');
  const clone = async (name: string): Promise<void> =>
    await cluster.admin(
      `CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${roles.owner} STRATEGY FILE_COPY`,
    );
  const untouched = `untouched_${index}`;
  await clone(untouched);
  const pristine = await hashOf(cluster, untouched);
  let used: UsedClone | undefined;
  let made = 0;
  for (let round = 0; round < rounds; round++) {
    if (used === undefined) {
      const name = `clone_${index}_${made++}`;
      await clone(name);
      used = {
        name,
        resetter: await cluster.open(roles.caller, name),
        reader: await cluster.open(cluster.server.superuser, name),
        idle: [],
      };
    }
    const left = await oneRound(cluster, schema, dice, used, tally);
    const differs = left === 'reset' && (await hashContents(used.reader)) !== pristine;
    if (left === 'unnoticed' || differs) {
      tally.mismatches++;
      const what = differs ? 'content differs' : 'a change was not noticed';
      tally.failures.push(`schema ${index}, round ${round}: ${what} after\n${used.log?.join('\n')}`);
    }
    if (left !== 'reset' || differs) {
      await rollBackPrepared(used.reader);
      await close(used);
      await cluster.admin(`DROP DATABASE ${used.name} WITH (FORCE)`);
      used = undefined;
    }
  }
  if (used) await close(used);
  for (const name of [...(used ? [used.name] : []), untouched, template]) {
    await cluster.admin(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

interface UsedClone {
  readonly name: string;
  readonly resetter: pg.Client;
  readonly reader: pg.Client;
  /** Sessions of earlier rounds that hold nothing. */
  idle: OpenSession[];
  log?: readonly string[];
}

async function close({ resetter, reader, idle }: UsedClone): Promise<void> {
  await Promise.all([resetter, reader, ...idle.map(({ client }) => client)].map((client) => client.end()));
}

/** They would keep the database from being dropped. */
async function rollBackPrepared(session: pg.Client): Promise<void> {
  const { rows } = await session.query(
    'SELECT quote_literal(gid) AS gid FROM pg_prepared_xacts WHERE database = current_database()',
  );
  for (const { gid } of rows) await session.query(`ROLLBACK PREPARED ${gid}`);
}

async function oneRound(
  cluster: ResetCluster,
  schema: RandomSchema,
  dice: Dice,
  used: UsedClone,
  tally: Tally,
): Promise<'reset' | 'discarded' | 'unnoticed'> {
  const users = {
    owner: roles.owner,
    app: roles.app,
    master: cluster.server.master,
    superuser: cluster.server.superuser,
  };
  const open = async (as: keyof typeof users): Promise<OpenSession> => {
    const found = used.idle.findIndex((session) => session.as === as);
    if (found >= 0) return used.idle.splice(found, 1)[0] as OpenSession;
    const client = await cluster.open(users[as], used.name);
    return { as, client, pid: pidOf(client) };
  };
  const played = await playRound(randomRound(dice, schema), open);
  used.idle.push(...played.clean);
  used.log = played.log;
  tally.rounds++;
  tally.statements += played.statements;
  tally.failed += played.failed;
  const keep = [pidOf(used.reader), ...used.idle.map(({ pid }) => pid)];
  const startedAt = performance.now();
  const outcome = await resetDatabase(used.resetter, { keep });
  tally.resetMs.push(performance.now() - startedAt);
  tally.sessionsEnded += outcome.ended.length;
  await Promise.all(played.unclean.map((client) => client.end().catch(() => undefined)));
  if (outcome.status === 'discard') {
    const reason =
      outcome.reason === 'not-resettable' ? `${outcome.reason}: ${outcome.detail}` : outcome.reason;
    tally.discards.set(reason, (tally.discards.get(reason) ?? 0) + 1);
    return 'discarded';
  }
  tally.resets++;
  tally.tables += outcome.tables;
  return played.final ? 'unnoticed' : 'reset';
}

function pidOf(client: pg.Client): number {
  return (client as unknown as { processID: number }).processID;
}

async function hashOf(cluster: ResetCluster, database: string): Promise<string> {
  const session = await cluster.open(cluster.server.superuser, database);
  try {
    return await hashContents(session);
  } finally {
    await session.end();
  }
}
