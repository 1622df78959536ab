import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Account, NewAccount } from '../../src/domain/accounts.ts';
import type { Entry, NewTransfer, Transfer } from '../../src/domain/transfers.ts';

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Body;
}

export interface Refusal {
  readonly code: string;
  readonly kind: string;
  readonly message: string;
}

type Method = 'GET' | 'POST' | 'DELETE';

/** Speaks to the service as one tenant. */
export class LedgerClient {
  readonly #app: FastifyInstance;
  readonly tenant: string;

  constructor(app: FastifyInstance, tenant: string) {
    this.#app = app;
    this.tenant = tenant;
  }

  /** The same tenant, asking another instance of the service. */
  through(app: FastifyInstance): LedgerClient {
    return new LedgerClient(app, this.tenant);
  }

  async request<Body = Refusal>(
    method: Method,
    url: string,
    options: { body?: object; headers?: Record<string, string> } = {},
  ): Promise<Answer<Body>> {
    const answer = await this.#app.inject({
      method,
      url,
      headers: { 'x-ledger-tenant': this.tenant, ...options.headers },
      ...(options.body === undefined ? {} : { payload: options.body }),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      body: JSON.parse(answer.body) as Body,
    };
  }

  async get<Body>(url: string): Promise<Body> {
    return succeeded(await this.request<Body>('GET', url));
  }

  /** Without an overdraft limit unless the test asks for one: most tests are not about running out of money. */
  async account(account: Partial<NewAccount> = {}): Promise<Account> {
    const code = `account-${randomUUID()}`;
    const body = {
      code,
      name: code,
      kind: 'liability',
      currency: 'EUR',
      overdraftLimit: null,
      ...account,
    };
    return succeeded(await this.request<Account>('POST', '/accounts', { body }));
  }

  async balance(account: Account): Promise<string> {
    return (await this.get<Account>(`/accounts/${account.id}`)).balance;
  }

  /** The raw answer to a transfer: for tests of refusals and of repeated keys. */
  post<Body = Refusal>(transfer: Partial<NewTransfer>, key: string = randomUUID()): Promise<Answer<Body>> {
    return this.request<Body>('POST', '/transfers', {
      body: { currency: 'EUR', ...transfer },
      headers: { 'idempotency-key': key },
    });
  }

  async transfer(
    from: Account,
    to: Account,
    amount: string,
    more: Omit<Partial<NewTransfer>, 'entries'> = {},
  ): Promise<Transfer> {
    return succeeded(await this.post<Transfer>({ entries: move(from, to, amount), ...more }));
  }

  reverse<Body = Refusal>(transferId: string, key: string = randomUUID()): Promise<Answer<Body>> {
    return this.request<Body>('POST', `/transfers/${transferId}/reversal`, {
      headers: { 'idempotency-key': key },
    });
  }
}

/** A new tenant of a running service. */
export async function newTenant(app: FastifyInstance): Promise<LedgerClient> {
  const answer = await app.inject({ method: 'POST', url: '/tenants', payload: { name: 'A tenant' } });
  return new LedgerClient(app, answer.json<{ id: string }>().id);
}

/** Liability accounts shrink by debits: the money leaves `from`. */
export function move(from: Account, to: Account, amount: string): Entry[] {
  return [
    { accountId: from.id, side: 'debit', amount },
    { accountId: to.id, side: 'credit', amount },
  ];
}

function succeeded<Body>({ status, text, body }: Answer<Body>): Body {
  if (status >= 300) throw new Error(`the service answered ${status}: ${text}`);
  return body;
}
