-- postern: no-transaction
-- Who reads an account reads its latest months. CONCURRENTLY does not stop the worker, and refuses to run in a transaction.
CREATE INDEX CONCURRENTLY IF NOT EXISTS statements_history ON statements (account_id, month DESC);
