import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { TransactionSessions } from './transaction-sessions.ts';

/** As much of a session as knows whether it is in a transaction. */
class FakeClient extends EventEmitter {
  status = 'I';
  broken = false;
  ended = false;
  async query(text: string): Promise<void> {
    if (this.broken) throw new Error('Connection terminated');
    if (text === 'BEGIN') this.status = 'T';
    if (/^(?:COMMIT|ROLLBACK)/.test(text)) this.status = 'I';
  }
  getTransactionStatus(): string {
    return this.status;
  }
  async end(): Promise<void> {
    this.ended = true;
    this.emit('end');
  }
}

function open(): { sessions: TransactionSessions; made: FakeClient[] } {
  const made: FakeClient[] = [];
  const sessions = new TransactionSessions(async () => {
    made.push(new FakeClient());
    return made.at(-1) as unknown as Client;
  });
  return { sessions, made };
}

test('tests one after another have one session, tests at once one each', async () => {
  const { sessions, made } = open();
  await (await sessions.begin()).rollBack();
  const both = await Promise.all([sessions.begin(), sessions.begin()]);
  expect(made).toHaveLength(2);
  expect(made.map(({ status }) => status)).toEqual(['T', 'T']);
  await Promise.all(both.map(({ rollBack }) => rollBack()));
  await sessions.close();
  expect(made.map(({ ended }) => ended)).toEqual([true, true]);
});

test('a test that ends its transaction is told, and the next one starts clean', async () => {
  const { sessions, made } = open();
  const { client, rollBack } = await sessions.begin();
  await client.query('COMMIT');
  await expect(rollBack()).rejects.toMatchObject({ code: 'VITEST_TRANSACTION_ENDED' });
  await (await sessions.begin()).rollBack();
  expect(made).toHaveLength(1);
});

test('a session that broke, or that the test ended, is replaced without a further error', async () => {
  const { sessions, made } = open();
  const first = await sessions.begin();
  Object.assign(made[0] ?? {}, { broken: true });
  await first.rollBack();
  const second = await sessions.begin();
  await second.client.end();
  await second.rollBack();
  await (await sessions.begin()).rollBack();
  expect(made).toHaveLength(3);
});
