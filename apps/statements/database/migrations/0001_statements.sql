-- The tenant of the transaction. The worker opens every transaction with SET LOCAL statements.tenant; after it
-- ends the setting reads as an empty string (not as null) on that connection, hence nullif.
CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('statements.tenant', true), '')::uuid;

-- An account as the ledger described it when its latest statement was written. The row is also where writers of
-- one account meet: each statement changes it, so of two at once one is tried again on a newer snapshot.
CREATE TABLE accounts (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  code       text NOT NULL,
  name       text NOT NULL,
  currency   char(3) NOT NULL,
  statements integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id),
  -- Target of the foreign key that keeps a statement in its account's currency.
  CONSTRAINT accounts_currency_key UNIQUE (tenant_id, id, currency),
  CONSTRAINT accounts_currency_format CHECK (currency ~ '^[A-Z]{3}$')
);

CREATE TABLE statements (
  id              uuid PRIMARY KEY,
  tenant_id       uuid NOT NULL,
  account_id      uuid NOT NULL,
  month           date NOT NULL,
  currency        char(3) NOT NULL,
  opening_balance bigint NOT NULL,
  closing_balance bigint NOT NULL,
  line_count      integer NOT NULL,
  written_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT statements_one_per_month UNIQUE (tenant_id, account_id, month),
  CONSTRAINT statements_line_key UNIQUE (tenant_id, id),
  CONSTRAINT statements_month_first_day CHECK (extract(day FROM month) = 1),
  CONSTRAINT statements_line_count_not_negative CHECK (line_count >= 0),
  CONSTRAINT statements_account_fkey FOREIGN KEY (tenant_id, account_id, currency)
    REFERENCES accounts (tenant_id, id, currency)
);

CREATE INDEX statements_of_month ON statements (tenant_id, month);

CREATE TABLE statement_lines (
  tenant_id    uuid NOT NULL,
  statement_id uuid NOT NULL,
  number       integer NOT NULL,
  booked_on    date NOT NULL,
  transfer_id  uuid NOT NULL,
  description  text NOT NULL,
  side         text NOT NULL,
  amount       bigint NOT NULL,
  -- Of the account, after this line.
  balance      bigint NOT NULL,
  PRIMARY KEY (statement_id, number),
  CONSTRAINT statement_lines_side CHECK (side IN ('debit', 'credit')),
  CONSTRAINT statement_lines_amount_positive CHECK (amount > 0),
  CONSTRAINT statement_lines_statement_fkey FOREIGN KEY (tenant_id, statement_id)
    REFERENCES statements (tenant_id, id)
);

-- Months of which every statement is written: they need not be looked at again.
CREATE TABLE months (
  tenant_id    uuid NOT NULL,
  month        date NOT NULL,
  statements   integer NOT NULL,
  completed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, month),
  CONSTRAINT months_first_day CHECK (extract(day FROM month) = 1)
);
