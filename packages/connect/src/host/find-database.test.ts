import type { Manifest } from '@postern/bootstrap/contract';
import { expect, it } from 'vitest';
import { databaseUrl, type FindOptions } from './find-database.ts';

const name = 'pt_0123abcd_rabcdefgh_1';
const manifest = {
  databases: [
    {
      name: 'ledger',
      templateHash: `0123abcd${'0'.repeat(56)}`,
      roles: [
        { name: 'ledger_app', intent: 'readwrite' },
        { name: 'ledger_reader', intent: 'readonly' },
      ],
    },
  ],
} as unknown as Manifest;

const options = (kind: 'local' | 'aws', found?: ReturnType<FindOptions['runs']['find']>): FindOptions => ({
  runs: { find: () => found },
  urls: { url: async ({ run, database, role, logins }) => `${run} ${database} ${role} ${logins[role]}` },
  environment: { kind },
  manifest: async () => manifest,
});

it('finds a database that was kept by a host that has ended, on AWS, by what its name says', async () => {
  const found = { url: `abcdefgh ${name} ledger_app pt_ledger_app` };
  expect(await databaseUrl({ name }, options('aws'))).toEqual(found);
  expect(await databaseUrl({ name, role: 'ledger_reader' }, options('aws'))).toEqual({
    url: `abcdefgh ${name} ledger_reader pt_ledger_reader`,
  });
  // Offline it went with its host.
  const unknown = { code: 'CONNECT_TEST_DATABASE_UNKNOWN' };
  await expect(databaseUrl({ name }, options('local'))).rejects.toMatchObject(unknown);
  await expect(databaseUrl({ name: 'ledger' }, options('aws'))).rejects.toMatchObject(unknown);
});

it('finds a clone of a branch by its role, or because there is nothing else that it could be of', async () => {
  const branch = 'pt_fedcba98_rabcdefgh_1';
  expect(await databaseUrl({ name: branch }, options('aws'))).toEqual({
    url: `abcdefgh ${branch} ledger_app pt_ledger_app`,
  });
  const role = 'ledger_reader';
  expect(await databaseUrl({ name: branch, role }, options('aws'))).toMatchObject({
    url: expect.stringContaining(role),
  });
  await expect(databaseUrl({ name: branch, role: 'nobody' }, options('aws'))).rejects.toMatchObject({
    code: 'CONNECT_TEST_DATABASE_UNKNOWN',
  });
});

it('names the roles to choose from when there is not exactly one that may write', async () => {
  const found = { name, run: 'r', database: 'ledger', roles: { one: 'pt_one', two: 'pt_two' } };
  await expect(databaseUrl({ name }, options('local', found))).rejects.toMatchObject({
    code: 'CONNECT_ROLE_UNKNOWN',
    hint: 'Name one of one, two.',
  });
  expect(await databaseUrl({ name, role: 'two' }, options('local', found))).toEqual({
    url: `r ${name} two pt_two`,
  });
});
