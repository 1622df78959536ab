CREATE TYPE entry_side AS ENUM ('debit', 'credit');

CREATE TABLE entries (
  id          bigint GENERATED ALWAYS AS IDENTITY,
  tenant_id   uuid NOT NULL,
  transfer_id uuid NOT NULL,
  account_id  uuid NOT NULL,
  side        entry_side NOT NULL,
  amount      bigint NOT NULL,
  currency    char(3) NOT NULL,
  booked_on   date NOT NULL,
  PRIMARY KEY (booked_on, id),
  CONSTRAINT entries_amount_positive CHECK (amount > 0),
  CONSTRAINT entries_one_per_account UNIQUE (transfer_id, account_id, booked_on),
  CONSTRAINT entries_transfer_fkey FOREIGN KEY (tenant_id, transfer_id, currency, booked_on)
    REFERENCES transfers (tenant_id, id, currency, booked_on),
  CONSTRAINT entries_account_currency_fkey FOREIGN KEY (tenant_id, account_id, currency)
    REFERENCES accounts (tenant_id, id, currency)
) PARTITION BY RANGE (booked_on);

CREATE INDEX entries_account_history ON entries (account_id, booked_on, id);

-- One place that knows how a partition is made; later migrations call it for later years. Row-level security
-- is on from the start and a partition never gets a policy: it can be read only through its parent.
CREATE FUNCTION create_entry_partition(month date) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  first_day date := date_trunc('month', month);
  partition text := 'entries_' || to_char(first_day, 'YYYY_MM');
BEGIN
  EXECUTE format('CREATE TABLE %I PARTITION OF entries FOR VALUES FROM (%L) TO (%L)',
                 partition, first_day, (first_day + interval '1 month')::date);
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', partition);
END $$;

REVOKE EXECUTE ON FUNCTION create_entry_partition(date) FROM PUBLIC;

SELECT create_entry_partition(month::date)
  FROM generate_series(date '2025-01-01', date '2027-12-01', interval '1 month') AS month;

-- What is booked outside the prepared months is slower to read, but it is not refused.
CREATE TABLE entries_elsewhen PARTITION OF entries DEFAULT;
ALTER TABLE entries_elsewhen ENABLE ROW LEVEL SECURITY;
