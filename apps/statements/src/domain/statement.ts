import type { Month } from '../month.ts';

/** An account as the ledger describes it. */
export interface Account {
  readonly id: string;
  readonly code: string;
  readonly name: string;
  readonly currency: string;
}

/** What was booked on an account. */
export interface Entry {
  readonly bookedOn: string;
  readonly transferId: string;
  readonly description: string;
  readonly side: 'debit' | 'credit';
  /** Minor units. */
  readonly amount: string;
  /** Whether the account grows by this side. */
  readonly grows: boolean;
}

interface StatementLine extends Omit<Entry, 'grows'> {
  /** From 1. */
  readonly number: number;
  /** Of the account, after this line. */
  readonly balance: string;
}

export interface Statement {
  readonly account: Account;
  readonly month: Month;
  readonly openingBalance: string;
  readonly closingBalance: string;
  readonly lines: readonly StatementLine[];
}

/** A month of an account. Money is a decimal string of minor units: numbers lose digits beyond 2^53. */
export function buildStatement(
  account: Account,
  month: Month,
  openingBalance: string,
  entries: readonly Entry[],
): Statement {
  let balance = BigInt(openingBalance);
  const lines = entries.map(({ grows, ...entry }, index) => {
    balance += grows ? BigInt(entry.amount) : -BigInt(entry.amount);
    return { ...entry, number: index + 1, balance: String(balance) };
  });
  return { account, month, openingBalance, closingBalance: String(balance), lines };
}
