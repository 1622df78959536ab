-- What is booked stays booked, also for a role that may write.
CREATE FUNCTION refuse_change() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', tg_argv[0]
    USING ERRCODE = 'check_violation', CONSTRAINT = tg_argv[0] || '_append_only', TABLE = tg_argv[0];
END $$;

CREATE TRIGGER transfers_append_only BEFORE UPDATE OR DELETE ON transfers
  FOR EACH ROW EXECUTE FUNCTION refuse_change('transfers');
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
  FOR EACH ROW EXECUTE FUNCTION refuse_change('entries');

-- A balance is the sum of its entries: it starts at zero and only the entries' trigger moves it.
CREATE FUNCTION keep_balance_derived() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  IF tg_op = 'INSERT' THEN
    new.balance := 0;
  ELSIF new.balance <> old.balance AND pg_trigger_depth() < 2 THEN
    RAISE EXCEPTION 'a balance changes by entries only'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'accounts_balance_derived', TABLE = 'accounts';
  END IF;
  RETURN new;
END $$;

CREATE TRIGGER accounts_balance_derived BEFORE INSERT OR UPDATE OF balance ON accounts
  FOR EACH ROW EXECUTE FUNCTION keep_balance_derived();
