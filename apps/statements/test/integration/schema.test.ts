import { randomUUID } from 'node:crypto';
import { describe } from '@postern/vitest';
import type { Client } from 'pg';
import { constraintCodes } from '../../src/postgres-errors.ts';
import { expect, refusalOf, test } from './fixtures.ts';

const checkViolation = '23514';
const insufficientPrivilege = '42501';

interface Draft {
  readonly month?: string;
  readonly opening?: string;
  readonly closing?: string;
  readonly count?: number;
  readonly lines?: readonly { number: number; day: string; amount: string; balance: string }[];
}

/** Writes past the worker, as a script or a future mistake would. Gives the statement's id. */
async function write(own: Client, tenant: string, account: string, draft: Draft): Promise<string> {
  const { month = '2026-05-01', opening = '0', lines = [] } = draft;
  const { closing = lines.at(-1)?.balance ?? opening, count = lines.length } = draft;
  const id = randomUUID();
  await own.query('BEGIN');
  try {
    await own.query(
      `INSERT INTO accounts (tenant_id, id, code, name, currency) VALUES ($1, $2, 'a', 'A', 'EUR') ON CONFLICT DO NOTHING`,
      [tenant, account],
    );
    await own.query(
      `INSERT INTO statements (id, tenant_id, account_id, month, currency, opening_balance, closing_balance, line_count)
       VALUES ($1, $2, $3, $4, 'EUR', $5, $6, $7)`,
      [id, tenant, account, month, opening, closing, count],
    );
    for (const line of lines) await addLine(own, tenant, id, line);
    await own.query('COMMIT');
    return id;
  } catch (error) {
    await own.query('ROLLBACK');
    throw error;
  }
}

const addLine = async (
  own: Client,
  tenant: string,
  statement: string,
  line: { number: number; day: string; amount: string; balance: string },
): Promise<unknown> =>
  await own.query(
    `INSERT INTO statement_lines (tenant_id, statement_id, number, booked_on, transfer_id, description, side, amount, balance)
     VALUES ($1, $2, $3, $4, $5, '', 'credit', $6, $7)`,
    [tenant, statement, line.number, line.day, randomUUID(), line.amount, line.balance],
  );

const line = (number: number, amount: string, balance: string, day = '2026-05-05') => ({
  number,
  amount,
  balance,
  day,
});

describe('the schema, past the worker', () => {
  test('refuses a statement that does not add up, at the commit', async ({ session }) => {
    const tenant = randomUUID();
    const own = await session('statements_app', tenant);
    for (const [why, draft] of Object.entries({
      'a line is missing': { count: 2, closing: '5', lines: [line(1, '5', '5')] },
      'a number is missing': { lines: [line(1, '5', '5'), line(3, '5', '10')] },
      'a balance does not follow': { lines: [line(1, '5', '5'), line(2, '5', '11')] },
      'the closing balance is another': { closing: '6', lines: [line(1, '5', '5')] },
      'it closes otherwise than it opened, without lines': { closing: '1' },
      'a line is of another month': { lines: [line(1, '5', '5', '2026-06-01')] },
      'the days go backwards': { lines: [line(1, '5', '5', '2026-05-09'), line(2, '5', '10', '2026-05-08')] },
    } satisfies Record<string, Draft>))
      expect(await refusalOf(write(own, tenant, randomUUID(), draft)), why).toEqual([
        checkViolation,
        'statements_add_up',
      ]);
    await write(own, tenant, randomUUID(), { opening: '-3', lines: [line(1, '5', '2'), line(2, '9', '-7')] });
  });

  test('refuses a month that does not continue its neighbour, before it or behind it', async ({
    session,
  }) => {
    const [tenant, account] = [randomUUID(), randomUUID()];
    const own = await session('statements_app', tenant);
    await write(own, tenant, account, { month: '2026-05-01', opening: '10' });
    const broken = [checkViolation, 'statements_continue'];
    expect(await refusalOf(write(own, tenant, account, { month: '2026-06-01', opening: '11' }))).toEqual(
      broken,
    );
    expect(await refusalOf(write(own, tenant, account, { month: '2026-04-01', opening: '9' }))).toEqual(
      broken,
    );
    await write(own, tenant, account, { month: '2026-06-01', opening: '10' });
    await write(own, tenant, account, { month: '2026-04-01', opening: '10' });
  });

  test('refuses a second statement of a month, and to change or extend the first', async ({ session }) => {
    const [tenant, account] = [randomUUID(), randomUUID()];
    const own = await session('statements_app', tenant);
    const id = await write(own, tenant, account, { lines: [line(1, '5', '5')] });
    expect(await refusalOf(write(own, tenant, account, {}))).toEqual(['23505', 'statements_one_per_month']);
    for (const [statement, constraint] of [
      ['UPDATE statements SET closing_balance = 6', 'statements_append_only'],
      ['DELETE FROM statements', 'statements_append_only'],
      ['UPDATE statement_lines SET amount = 6', 'statement_lines_append_only'],
      ['DELETE FROM statement_lines', 'statement_lines_append_only'],
    ] as const)
      expect(await refusalOf(own.query(statement)), statement).toEqual([checkViolation, constraint]);
    expect(await refusalOf(addLine(own, tenant, id, line(2, '5', '10')))).toEqual([
      checkViolation,
      'statement_lines_append_only',
    ]);
  });

  test('shows and takes the rows of the tenant that the session names, and none without', async ({
    session,
  }) => {
    const [tenant, other] = [randomUUID(), randomUUID()];
    const own = await session('statements_app', tenant);
    const id = await write(own, tenant, randomUUID(), { lines: [line(1, '5', '5')] });
    for (const stranger of [await session('statements_app', other), await session('statements_readonly')])
      for (const table of ['accounts', 'statements', 'statement_lines', 'months'])
        expect((await stranger.query(`SELECT FROM ${table}`)).rowCount, table).toBe(0);
    const stranger = await session('statements_app', other);
    expect((await refusalOf(write(stranger, tenant, randomUUID(), {})))[0]).toBe(insufficientPrivilege);
    expect((await refusalOf(addLine(stranger, other, id, line(2, '5', '10'))))[0]).toBe('23503');
  });

  test('has a stable code for each of its rules', async ({ session }) => {
    const catalog = await session('statements_readonly');
    const { rows } = await catalog.query<{ name: string }>(
      `SELECT DISTINCT conname AS name FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
        WHERE r.relnamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x', 't')`,
    );
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.map((row) => row.name).filter((name) => !constraintCodes.has(name))).toEqual([]);
  });

  test('has an index for the history of an account, and it is complete', async ({ session }) => {
    const catalog = await session('statements_readonly');
    const { rows } = await catalog.query(
      `SELECT indisvalid, indisready FROM pg_index WHERE indexrelid = 'statements_history'::regclass`,
    );
    expect(rows).toEqual([{ indisvalid: true, indisready: true }]);
  });
});

describe('the role in the ledger', () => {
  test('reads the books of the tenant that it names, and those of nobody else', async ({
    book,
    anotherBook,
    inLedger,
  }) => {
    await anotherBook.account();
    const [mine] = [await book.account()];
    const reader = await inLedger('statements_reader');
    expect((await reader.query('SELECT FROM accounts')).rowCount).toBe(0);
    await reader.query(`SELECT set_config('ledger.tenant', $1, false)`, [book.tenant]);
    expect((await reader.query('SELECT id FROM accounts')).rows).toEqual([{ id: mine }]);
  });

  test('writes nothing there', async ({ book, inLedger }) => {
    const reader = await inLedger('statements_reader');
    await reader.query(`SELECT set_config('ledger.tenant', $1, false)`, [book.tenant]);
    for (const write of [
      `INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'x')`,
      'DELETE FROM closed_periods',
      `UPDATE accounts SET name = 'x'`,
      'CREATE TABLE mine (id int)',
    ])
      expect((await refusalOf(reader.query(write)))[0], write).toBe(insufficientPrivilege);
  });
});
