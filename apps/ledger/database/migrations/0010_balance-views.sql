-- security_invoker: a view would otherwise read with its owner's eyes, past every policy.

CREATE VIEW account_months WITH (security_invoker = true) AS
SELECT e.tenant_id,
       e.account_id,
       date_trunc('month', e.booked_on)::date AS month,
       coalesce(sum(e.amount) FILTER (WHERE e.side = 'debit'), 0)::bigint AS debits,
       coalesce(sum(e.amount) FILTER (WHERE e.side = 'credit'), 0)::bigint AS credits,
       sum(CASE WHEN e.side = normal_side(a.kind) THEN e.amount ELSE -e.amount END)::bigint AS change
  FROM entries e
  JOIN accounts a ON a.id = e.account_id
 GROUP BY e.tenant_id, e.account_id, date_trunc('month', e.booked_on);

CREATE VIEW trial_balance WITH (security_invoker = true) AS
SELECT tenant_id,
       currency,
       coalesce(sum(balance) FILTER (WHERE normal_side(kind) = 'debit'), 0)::bigint AS debit_balance,
       coalesce(sum(balance) FILTER (WHERE normal_side(kind) = 'credit'), 0)::bigint AS credit_balance
  FROM accounts
 GROUP BY tenant_id, currency;
