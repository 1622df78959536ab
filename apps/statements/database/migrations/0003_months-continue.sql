-- A month opens with what the month before closed with, in whichever order the two are written. If it does not,
-- the ledger has changed behind a statement, and nothing may be built on that.
CREATE FUNCTION check_statement_continues() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  -- Conflicts with whoever writes another month of this account at the same time.
  UPDATE accounts SET statements = statements + 1 WHERE tenant_id = new.tenant_id AND id = new.account_id;
  IF EXISTS (SELECT FROM statements s
              WHERE s.tenant_id = new.tenant_id AND s.account_id = new.account_id
                AND (s.month = new.month - interval '1 month' AND s.closing_balance <> new.opening_balance
                     OR s.month = new.month + interval '1 month' AND s.opening_balance <> new.closing_balance)) THEN
    RAISE EXCEPTION 'the statement of % does not continue its neighbour', new.month
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statements_continue', TABLE = 'statements';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER statements_continue AFTER INSERT ON statements
  FOR EACH ROW EXECUTE FUNCTION check_statement_continues();
