import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { newRunId, parseCloneName } from '../src/index.ts';
import {
  type DropRequest,
  dropRun,
  engineVersion,
  ensureClones,
  ensureEmpty,
  ensureTemplate,
  findBranch,
  findTemplate,
  hashContents,
  ledgerStatements,
  maintenanceDatabase,
  newestKept,
  publishOwn,
  type SqlClient,
  type SweepReport,
  sealBranch,
  sweep,
  templateKey,
  withSession,
} from '../src/server/index.ts';
import { type Server, startServer } from './fixtures/server.ts';

const owner = 'shop_owner';
const login = 'pt_shop_app';
const lockTimeoutMs = 20_000;
const newHash = (): string => randomBytes(32).toString('hex');

let server: Server;
let session: SqlClient;
beforeAll(async () => {
  server = await startServer({ max_prepared_transactions: '5' });
  for (const { sql } of ledgerStatements(0)) await server.query(sql);
  await server.query(`CREATE ROLE ${owner}; CREATE ROLE ${login} LOGIN; GRANT ${owner} TO CURRENT_USER`);
});
afterAll(async () => {
  await session?.end();
  await server?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await session?.end();
  session = await server.connect(server.master, maintenanceDatabase);
});

const connect = (database: string): Promise<SqlClient> => server.connect(server.master, database);
const template = async (hash: string, database = 'shop'): ReturnType<typeof ensureTemplate> =>
  await ensureTemplate(
    session,
    {
      hash,
      database,
      owner,
      fill: (name) =>
        withSession(connect, name, async (inner) => {
          await inner.query(`SET ROLE ${owner}`);
          await inner.query(`CREATE TABLE items (name text); GRANT ALL ON items TO ${login}`);
          await inner.query(`INSERT INTO items VALUES ('seed')`);
        }),
    },
    { lockTimeoutMs },
  );
const grants = { connect: [login], temporary: [login] };
interface Wanted {
  readonly count?: number;
  readonly first?: number;
  readonly from?: string;
}
const clone = async (
  run: string,
  hash: string,
  { count = 1, first, from }: Wanted = {},
): Promise<string[]> => {
  const found = await (from === undefined
    ? template(hash)
    : findBranch(session, { run, hash, from, database: 'shop' }));
  const { databases } = await ensureClones(session, {
    run,
    hash,
    database: 'shop',
    template: found.name,
    owner: found.owner,
    ...(from === undefined ? {} : { source: from }),
    count,
    ...(first === undefined ? {} : { first }),
    grants,
    lockTimeoutMs,
  });
  return databases;
};
const seal = async (
  run: string,
  from: string,
  hash: string,
  work: (name: string, owner: string) => Promise<void> = async () => undefined,
): Promise<void> =>
  await sealBranch(session, { run, from, hash, database: 'shop', lockTimeoutMs, seal: work });
const drop = async (
  run: string,
  request: Omit<DropRequest, 'run' | 'lockTimeoutMs'> = {},
): ReturnType<typeof dropRun> => await dropRun(session, { run, ...request, lockTimeoutMs });
const sweepNow = async (dryRun = false): Promise<SweepReport> =>
  await sweep(session, { dryRun, lockTimeoutMs });
const items = async (database: string): Promise<string[]> =>
  (await server.query<{ name: string }>('SELECT name FROM items ORDER BY 1', { user: login, database })).map(
    ({ name }) => name,
  );
const add = async (database: string, name: string): Promise<unknown> =>
  await server.query(`INSERT INTO items VALUES ('${name}')`, { user: login, database });
const existing = async (pattern: string): Promise<string[]> =>
  (
    await server.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname ~ '${pattern}' ORDER BY 1`,
    )
  ).map(({ datname }) => datname);

describe('clones', () => {
  test('are numbered as they are asked for, and asking again changes nothing', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const numbers = (names: string[]): (number | undefined)[] => names.map((name) => parseCloneName(name)?.n);
    expect(numbers(await clone(run, hash))).toEqual([1]);
    expect(numbers(await clone(run, hash, { first: 5, count: 2 }))).toEqual([5, 6]);
    expect(numbers(await clone(run, hash, { first: 5, count: 2 }))).toEqual([5, 6]);
    expect(await existing(run)).toHaveLength(3);
    expect((await drop(run)).dropped).toHaveLength(3);
  });

  test('that differ in one row differ in their hash', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const [one = '', two = ''] = await clone(run, hash, { count: 2 });
    const hashes = async (): Promise<string[]> => [
      await withSession((name) => server.connect('rdsadmin', name), one, hashContents),
      await withSession((name) => server.connect('rdsadmin', name), two, hashContents),
    ];
    expect(new Set(await hashes()).size).toBe(1);
    await add(two, 'more');
    expect(new Set(await hashes()).size).toBe(2);
    await drop(run);
  });

  test('are never those of another hash that begins alike', async () => {
    const [run, hash] = [newRunId(), newHash()];
    await clone(run, hash);
    const twin = `${hash.slice(0, 8)}${newHash().slice(8)}`;
    await expect(clone(run, twin)).rejects.toMatchObject({ code: 'TESTDB_NAME_TAKEN' });
    await drop(run);
  });
});

describe('a template', () => {
  test('hands the settings on that its migrations gave the database, also to copies of a branch', async () => {
    const [run, hash, branch] = [newRunId(), newHash(), newHash()];
    const own = await ensureTemplate(
      session,
      {
        hash,
        database: 'shop',
        owner,
        settings: [`search_path = 'declared'`, `work_mem = '5MB'`],
        fill: (name) =>
          withSession(connect, name, async (inside) => {
            await inside.query(`SET ROLE ${owner}; CREATE TABLE public.items (name text)`);
            await inside.query(
              `ALTER DATABASE "${name}" SET search_path = "$user", "my app", public; ALTER DATABASE "${name}" RESET work_mem`,
            );
            await inside.query(
              `RESET ROLE; ALTER ROLE ${login} IN DATABASE "${name}" SET timezone = 'Asia/Tokyo'`,
            );
          }),
      },
      { lockTimeoutMs },
    );
    const seen = async (database = ''): Promise<unknown> =>
      await server.query(
        `SELECT current_setting('search_path') AS path, current_setting('timezone') AS zone, current_setting('work_mem') AS memory`,
        { user: login, database },
      );
    const expected = [{ path: '"$user", "my app", public', zone: 'Asia/Tokyo', memory: '4MB' }];
    const request = { run, database: 'shop', owner, count: 1, grants, lockTimeoutMs };
    const { databases } = await ensureClones(session, { ...request, hash, template: own.name });
    const [from = ''] = databases;
    expect(await seen(from)).toEqual(expected);
    await seal(run, from, branch);
    const [copy] = (await ensureClones(session, { ...request, hash: branch, template: from, source: from }))
      .databases;
    expect(await seen(copy)).toEqual(expected);
    await drop(run);
  });

  test('of another engine or server is another one, and the names are the key’s', async () => {
    const hash = newHash();
    const { key, engine, server: major } = await templateKey(session, hash);
    expect(key).not.toBe(hash);
    expect(engine).toBe(engineVersion);
    expect(String(major)).toBe(process.env['POSTERN_TEST_POSTGRES'] ?? '17');
    expect(await templateKey(session, hash)).toMatchObject({ key });
    const { name, built } = await template(hash);
    expect({ name, built }).toEqual({ name: `ptt_${key.slice(0, 16)}`, built: true });
    expect(await findTemplate(session, hash, 'shop')).toEqual({ name, owner });
    expect(await findTemplate(session, key, 'shop')).toBeUndefined();
  });

  test('that a run filled itself is sealed with nobody in it, and is what was checked', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const own = await ensureEmpty(session, {
      run,
      hash,
      database: 'shop',
      owner,
      grants: { connect: [login], temporary: [] },
      lockTimeoutMs,
      fill: async () => undefined,
    });
    const inside = await server.connect(login, own.database);
    const ended = new Promise((resolve) => inside.once('end', resolve));
    const steps: string[] = [];
    const publish = async (check: () => Promise<void>): Promise<unknown> =>
      await publishOwn(session, {
        run,
        hash,
        database: 'shop',
        owner,
        lockTimeoutMs,
        check,
        seal: async (name) => {
          steps.push('seal');
          await ended;
          await expect(server.connect(login, name)).rejects.toMatchObject({ code: '42501' });
        },
      });
    await expect(publish(() => Promise.reject(new Error('not yet')))).rejects.toThrow('not yet');
    // Refused as it is: whoever fills it goes on.
    await inside.query('SELECT 1');
    await publish(async () => void steps.push('check'));
    expect(steps).toEqual(['check', 'check', 'seal']);
    expect(await findTemplate(session, hash, 'shop')).toMatchObject({ owner });
    await drop(run);
  });

  test('that its own owner has closed is not taken for one that was checked', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const { database } = await ensureEmpty(session, {
      run,
      hash,
      database: 'shop',
      owner,
      grants,
      lockTimeoutMs,
      fill: async () => undefined,
    });
    await server.query(`SET ROLE ${owner}; ALTER DATABASE "${database}" ALLOW_CONNECTIONS false`);
    const publishing = publishOwn(session, {
      run,
      hash,
      database: 'shop',
      owner,
      lockTimeoutMs,
      check: (name) => withSession(connect, name, async () => undefined),
      seal: async () => undefined,
    });
    await expect(publishing).rejects.toMatchObject({ code: '55000' });
    await drop(run);
  });

  test('whose publisher died at any step is finished by the next attempt', async () => {
    for (const dieAt of [/OWNER TO/, /ALLOW_CONNECTIONS/, /RENAME/, /SET state = 'ready'/, /^DELETE/]) {
      const [run, hash] = [newRunId(), newHash()];
      await ensureEmpty(session, {
        run,
        hash,
        database: 'shop',
        owner,
        grants,
        lockTimeoutMs,
        fill: async () => undefined,
      });
      const publish = async (by: SqlClient): Promise<{ name: string }> =>
        await publishOwn(by, {
          run,
          hash,
          database: 'shop',
          owner,
          lockTimeoutMs,
          check: async () => undefined,
          seal: async () => undefined,
        });
      await using dying = await dyingSession(dieAt);
      // At the last step there is nothing left to fail.
      await publish(dying).catch(() => undefined);
      const { name } = await publish(session);
      expect(await existing(`^${name}$`), String(dieAt)).toEqual([name]);
      expect(await existing(run)).toEqual([]);
      await drop(run);
    }
  });
});

/** A session that is gone after the statement: done, and nobody was told. */
async function dyingSession(after: RegExp): Promise<SqlClient & AsyncDisposable> {
  const client = await server.connect(server.master, maintenanceDatabase);
  const query = client.query.bind(client) as SqlClient['query'];
  return {
    query: async (text, values) => {
      const result = await query(text, values);
      if (after.test(text)) await client.end();
      return result;
    },
    end: () => client.end(),
    [Symbol.asyncDispose]: () => client.end().catch(() => undefined),
  };
}

describe('a branch', () => {
  test('is what its source was when it was sealed, for its own run, and goes with it', async () => {
    const [run, hash, seeded] = [newRunId(), newHash(), newHash()];
    const [from = ''] = await clone(run, hash);
    await add(from, 'more');
    const inside = await server.connect(login, from);
    const ended = new Promise((resolve) => inside.once('end', resolve));
    const sealed: string[][] = [];
    await seal(run, from, seeded, async (...args) => {
      await ended;
      await expect(server.connect(login, from)).rejects.toMatchObject({ code: '42501' });
      sealed.push(args);
    });
    await seal(run, from, seeded, async (...args) => void sealed.push(args));
    expect(sealed).toEqual([[from, owner]]);
    await expect(server.connect(login, from)).rejects.toMatchObject({ code: '55000' });

    const copies = await clone(run, seeded, { from, count: 2 });
    expect(copies.map((name) => name.slice(0, 11))).toEqual(Array(2).fill(`pt_${seeded.slice(0, 8)}`));
    for (const copy of copies) expect(await items(copy)).toEqual(['more', 'seed']);
    await add(copies[0] ?? '', 'mine');
    expect(await clone(run, seeded, { from, count: 2 })).toEqual(copies);
    // A branch of a branch.
    const deeper = newHash();
    await seal(run, copies[0] ?? '', deeper);
    const [last = ''] = await clone(run, deeper, { from: copies[0] ?? '' });
    expect(await items(last)).toEqual(['mine', 'more', 'seed']);

    const other = newRunId();
    await clone(other, hash);
    await expect(clone(other, seeded, { from })).rejects.toMatchObject({ code: 'TESTDB_BRANCH_INVALID' });
    // What was sealed is no database to work in any more.
    await expect(clone(run, hash)).rejects.toMatchObject({ code: 'TESTDB_NAME_TAKEN' });
    expect((await drop(run)).dropped).toHaveLength(4);
    await drop(other);
    expect(await existing(run)).toEqual([]);
  });

  test('is refused where it would be something else than it says', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const [from = ''] = await clone(run, hash);
    const branch = newHash();
    await seal(run, from, branch);
    const invalid = { code: 'TESTDB_BRANCH_INVALID' };
    await expect(seal(run, from, newHash())).rejects.toMatchObject(invalid);
    const [next = ''] = await clone(run, hash, { first: 2 });
    await expect(seal(run, next, hash)).rejects.toMatchObject(invalid);
    await expect(seal(run, next.replace(/_2$/, '_3'), newHash())).rejects.toMatchObject(invalid);
    await expect(clone(run, branch, { from: next })).rejects.toMatchObject(invalid);
    await expect(clone(run, newHash(), { from })).rejects.toMatchObject(invalid);
    await drop(run);
    await expect(seal(run, from, branch)).rejects.toMatchObject({ code: 'TESTDB_RUN_CLOSED' });
  });

  test('is made although somebody is in it whom the master may not put out, and goes when they do', async () => {
    const [run, hash, branch] = [newRunId(), newHash(), newHash()];
    const [from = ''] = await clone(run, hash);
    const monitor = await server.connect('rdsadmin', from);
    await seal(run, from, branch);
    await expect(drop(run)).rejects.toMatchObject({ code: 'TESTDB_NOT_DROPPED' });
    await monitor.end();
    await vi.waitFor(async () => expect((await sweepNow()).dropped).toEqual([from]));
  });

  test('whose maker died at any step is finished by the next attempt', async () => {
    for (const dieAt of [/SET owner/, /^REVOKE/, /OWNER TO/, /ALLOW_CONNECTIONS/, /SET branch/]) {
      const [run, hash, branch] = [newRunId(), newHash(), newHash()];
      const [from = ''] = await clone(run, hash);
      await using dying = await dyingSession(dieAt);
      const owners: string[] = [];
      const request = {
        run,
        from,
        hash: branch,
        database: 'shop',
        lockTimeoutMs,
        seal: async (_name: string, by: string) => void owners.push(by),
      };
      await sealBranch(dying, request).catch(() => undefined);
      await sealBranch(session, request);
      expect(new Set(owners), String(dieAt)).toEqual(new Set([owner]));
      const [copy = ''] = await clone(run, branch, { from });
      expect(await items(copy)).toEqual(['seed']);
      await drop(run);
    }
  });
});

describe('what is kept', () => {
  test('outlives its run, lets people in, and is swept when its time is up', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const [first = '', second = ''] = await clone(run, hash, { count: 3 });
    const { dropped, kept } = await drop(run, { keep: [second], keepMs: 3_600_000 });
    expect(dropped).toHaveLength(2);
    expect(kept).toEqual([{ database: second, until: expect.stringMatching(/^\d{4}-.*Z$/) }]);
    const minutes = (Date.parse(kept[0]?.until ?? '') - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(50);
    expect(minutes).toBeLessThan(70);
    // Lambda repeats what failed on its way back: nothing is prolonged, nothing more is dropped.
    expect(await drop(run, { keep: [second, first], keepMs: 7_200_000 })).toEqual({ dropped: [], kept });
    expect(await items(second)).toEqual(['seed']);
    for (const dryRun of [true, false]) {
      const report = await sweepNow(dryRun);
      expect(report.kept).toEqual([second]);
      expect(report.dropped).toEqual([]);
    }
    await expect(clone(run, hash, { first: 9 })).rejects.toMatchObject({ code: 'TESTDB_RUN_CLOSED' });
    await server.query(`UPDATE postern.databases SET kept_until = now() - interval '1 s'`);
    expect(await sweepNow()).toMatchObject({ dropped: [second], kept: [] });
    expect(await existing(run)).toEqual([]);
  });

  test('goes at once when somebody has seen enough', async () => {
    const [run, hash] = [newRunId(), newHash()];
    const [only = ''] = await clone(run, hash);
    await drop(run, { keep: [only] });
    expect(await drop(run)).toEqual({ dropped: [only], kept: [] });
  });

  test('is what the run has, and nothing else', async () => {
    const [run, other, hash] = [newRunId(), newRunId(), newHash()];
    const [foreign = ''] = await clone(other, hash);
    await clone(run, hash);
    expect((await drop(run, { keep: [foreign, 'postgres'] })).kept).toEqual([]);
    expect(await drop(other)).toEqual({ dropped: [foreign], kept: [] });
  });
});

describe('a database that the server does not let go of', () => {
  const prepareIn = async (database: string, gid: string): Promise<unknown> =>
    await server.query(
      `SET ROLE ${owner}; BEGIN; INSERT INTO items VALUES ('x'); PREPARE TRANSACTION '${gid}'`,
      { database },
    );

  test('keeps neither its own run from being dropped nor anybody else from being swept', async () => {
    const [bad, good, hash] = [newRunId(), newRunId(), newHash()];
    const [held = ''] = await clone(bad, hash, { count: 2 });
    const others = await clone(good, hash);
    await prepareIn(held, 'held');
    await expect(drop(bad)).rejects.toMatchObject({
      code: 'TESTDB_NOT_DROPPED',
      message: expect.stringContaining(`"${held}" (`),
      hint: expect.stringContaining('ROLLBACK PREPARED'),
    });
    expect(await existing(bad)).toEqual([held]);
    await server.query(`UPDATE postern.runs SET orphaned_at = now() - interval '91 s'`);
    const failed = [{ name: held, reason: expect.stringMatching(/prepared/) }];
    expect(await sweepNow()).toMatchObject({ dropped: others, failed });
    expect(await sweepNow()).toMatchObject({ dropped: [], failed });
    // Who can enter it ends what holds it.
    expect(await sweep(session, { lockTimeoutMs, connect })).toMatchObject({ dropped: [held], failed: [] });
    expect(await server.query('SELECT gid FROM pg_prepared_xacts')).toEqual([]);
  });

  test('is no template: nobody could clone it', async () => {
    const hash = newHash();
    const building = ensureTemplate(
      session,
      {
        hash,
        database: 'shop',
        owner,
        fill: async (name) => {
          await server.query(`SET ROLE ${owner}; CREATE TABLE items (name text)`, { database: name });
          await prepareIn(name, 'in a template');
        },
      },
      { lockTimeoutMs },
    );
    await expect(building).rejects.toMatchObject({ code: 'TESTDB_TEMPLATE_INVALID' });
    const database = `ptb_${(await templateKey(session, hash)).key.slice(0, 16)}`;
    expect(await sweepNow()).toMatchObject({ failed: [{ name: database }] });
    await withSession(connect, database, async (inside) => {
      await inside.query(`SET ROLE ${owner}`);
      await inside.query(`ROLLBACK PREPARED 'in a template'`);
    });
    expect(await sweepNow()).toMatchObject({ dropped: [database], failed: [] });
  });
});

describe('a template that nobody uses', () => {
  const age = async (hashes: readonly string[], days: number): Promise<unknown> =>
    await server.query(
      `UPDATE postern.templates SET used_at = used_at - interval '${days} days' WHERE manifest IN ('${hashes.join(`', '`)}')`,
    );

  test('goes, but for the last few of its database; one in use stays whatever there is', async () => {
    const database = 'library';
    const hashes = Array.from({ length: newestKept + 2 }, newHash);
    const names: string[] = [];
    for (const hash of hashes) names.push((await template(hash, database)).name);
    // The first two were used last.
    for (const hash of hashes.slice(0, 2)) await template(hash, database);
    await age(hashes, 13);
    expect((await sweepNow()).retired).toEqual([]);
    await age(hashes, 2);
    const due = names.slice(2, 4).sort();
    expect((await sweepNow(true)).retired).toEqual(due);
    expect(await existing('^ptt_')).toEqual(expect.arrayContaining(due));
    // Somebody works on one of them just now.
    const builder = await server.connect(server.master, maintenanceDatabase);
    const { key } = await templateKey(session, hashes[2] ?? '');
    await builder.query(`SELECT pg_advisory_lock(hashtextextended('postern.template:' || $1, 0))`, [key]);
    expect((await sweepNow()).retired).toEqual([names[3]]);
    await builder.end();
    expect((await sweepNow()).retired).toEqual([names[2]]);
    for (const name of due) expect(await existing(`^${name}$`)).toEqual([]);
    expect(await existing(`^(${names.join('|')})$`)).toHaveLength(newestKept);
  });

  test('and never can be used again goes even if it is the last one', async () => {
    const [old, half] = [newHash(), newHash()];
    const { name } = await template(old, 'museum');
    await template(half, 'museum');
    await server.query(
      `UPDATE postern.templates SET engine = NULL WHERE manifest = '${old}';
       UPDATE postern.templates SET state = 'building' WHERE manifest = '${half}'`,
    );
    expect((await sweepNow()).retired).not.toContain(name);
    await age([old, half], 15);
    const { retired } = await sweepNow();
    expect(retired).toContain(name);
    expect(retired).toHaveLength(2);
    expect(await existing(`^${name}$`)).toEqual([]);
    expect(await server.query(`SELECT 1 FROM postern.templates WHERE database = 'museum'`)).toEqual([]);
  });

  test('is not dropped under somebody who has just asked for it', async () => {
    const hash = newHash();
    const { name } = await template(hash, 'archive');
    await server.query(`UPDATE postern.templates SET engine = 0 WHERE manifest = '${hash}'`);
    await age([hash], 15);
    // Found between the sweeper's look at the list and its turn.
    const late: SqlClient = {
      query: async (text, values) => {
        if (/SET state = 'building'/.test(text))
          expect(await findTemplate(session, hash, 'archive')).toBeDefined();
        return await sweeper.query(text, values);
      },
      end: () => sweeper.end(),
    };
    const sweeper = (await server.connect(server.master, maintenanceDatabase)) as SqlClient;
    expect((await sweep(late, { lockTimeoutMs })).retired).toEqual([]);
    await late.end();
    expect(await existing(`^${name}$`)).toEqual([name]);
  });
});

test('after all of this the ledger and the server agree', async () => {
  expect(await existing('^pt_')).toEqual([]);
  expect(await server.query('SELECT name FROM postern.databases')).toEqual([]);
  expect((await sweepNow()).unknown).toEqual([]);
});
