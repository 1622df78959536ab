import { newRunId } from '@postern/test-databases';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PrepareResult } from '../src/contract/response.ts';
import { type Cluster, startCluster } from './fixtures/cluster.ts';
import { createFunction, type InProcessFunction } from './fixtures/function.ts';
import { deploy, type ServiceFiles } from './fixtures/service.ts';

/** A test database behaves like the declared one in everything that is declared, and has the seed beside it. */
const wiki: ServiceFiles = {
  declaration: {
    name: 'wiki',
    encoding: 'LATIN1',
    locale: { provider: 'libc', name: 'C' },
    connectionLimit: 3,
    settings: { search_path: 'texts, public', default_transaction_isolation: 'serializable' },
    schemas: ['public', 'texts'],
    roles: {
      wiki_writers: {
        login: false,
        grant: { custom: { tables: ['SELECT', 'INSERT'], database: ['CREATE'] } },
      },
      wiki_app: { memberOf: ['wiki_writers'], settings: { statement_timeout: '7s' } },
    },
    seed: './seed.sql',
  },
  migrations: { '0001_pages.sql': 'CREATE TABLE pages (title text);' },
  files: { 'seed.sql': `INSERT INTO pages VALUES ('Home'), ('About; us');` },
};
let cluster: Cluster;
let artefact: Awaited<ReturnType<typeof deploy>>;
let lambda: InProcessFunction;

beforeAll(async () => {
  [cluster, artefact] = await Promise.all([startCluster(), deploy([wiki])]);
  lambda = createFunction(cluster, artefact.folder);
  await lambda.call({ action: 'apply' });
});
afterAll(async () => {
  await artefact?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function prepare(to: InProcessFunction, hash: string, run: string): Promise<PrepareResult> {
  return await to.call({ action: 'prepare', database: 'wiki', hash, run, count: 2 });
}

const shape = `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datconnlimit
  FROM pg_database WHERE datname = current_database()`;

describe('a test database', () => {
  test('has the encoding, the locale, the settings, the groups and the seed of the declaration', async () => {
    const run = newRunId();
    const hash = artefact.built.manifest.databases[0]?.templateHash ?? '';
    const prepared = await prepare(lambda, hash, run);
    if (prepared.status !== 'ready') throw new Error('unknown');
    // Nobody logs in as a group.
    expect(prepared.logins).toEqual({ wiki_app: 'pt_wiki_app' });
    for (const database of prepared.databases) {
      const app = await cluster.connect('pt_wiki_app', database);
      expect((await app.query(shape)).rows).toEqual([
        { encoding: 'LATIN1', datcollate: 'C', datconnlimit: -1 },
      ]);
      for (const [name, value] of [
        ['search_path', 'texts, public'],
        ['default_transaction_isolation', 'serializable'],
        ['statement_timeout', '7s'],
      ]) {
        expect((await app.query(`SHOW ${name}`)).rows, name).toEqual([{ [name as string]: value }]);
      }
      // Made by a migration that found the search path of the declaration.
      expect((await app.query('SELECT title FROM texts.pages ORDER BY 1')).rows).toEqual([
        { title: 'About; us' },
        { title: 'Home' },
      ]);
      await app.query(`INSERT INTO pages VALUES ('mine')`);
      await app.query('CREATE SCHEMA scratch');
      await app.end();
    }
    await lambda.call({ action: 'drop', run });
  });

  test('that a run migrates itself has them from the start', async () => {
    const run = newRunId();
    const empty = await prepare(lambda, 'ab'.repeat(32), run);
    if (empty.status !== 'unknown') throw new Error('known');
    const migrator = await cluster.connect(empty.login, empty.database);
    expect((await migrator.query(shape)).rows).toEqual([
      { encoding: 'LATIN1', datcollate: 'C', datconnlimit: -1 },
    ]);
    expect((await migrator.query('SHOW search_path')).rows).toEqual([{ search_path: 'texts, public' }]);
    await migrator.end();
    await lambda.call({ action: 'drop', run });
  });

  test('is not given out when its seed fails, and the next artefact mends it', async () => {
    await using torn = await deploy([
      { ...wiki, files: { 'seed.sql': `INSERT INTO pages VALUES ('a');\nSELECT 1/0;` } },
    ]);
    const broken = createFunction(cluster, torn.folder);
    const hash = torn.built.manifest.databases[0]?.templateHash ?? '';
    const run = newRunId();
    const answer = await broken.invoke({ action: 'prepare', database: 'wiki', hash, run, count: 1 });
    expect(answer).toMatchObject({
      ok: false,
      error: {
        code: 'BOOTSTRAP_SEED_FAILED',
        message: expect.stringContaining(':2'),
        details: { sqlState: '22012' },
      },
    });
    await broken.call({ action: 'drop', run });
    expect(
      await cluster.query(`SELECT 1 FROM postern.templates WHERE manifest = '${hash}' AND state = 'ready'`, {
        database: 'postern',
      }),
    ).toEqual([]);
    expect(await cluster.query('SELECT * FROM texts.pages', { database: 'wiki' })).toEqual([]);
  });
});
