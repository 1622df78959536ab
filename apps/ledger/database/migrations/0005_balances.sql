-- Functions that guard an invariant are SECURITY DEFINER: they must see every row, whatever tenant the
-- session names and however little its role may do.

-- The side on which an account of this kind grows.
CREATE FUNCTION normal_side(kind account_kind) RETURNS entry_side
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE kind WHEN 'asset' THEN 'debit'::entry_side ELSE 'credit'::entry_side END;

CREATE FUNCTION apply_entry_to_balance() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE accounts
     SET balance = balance + CASE WHEN new.side = normal_side(kind) THEN new.amount ELSE -new.amount END
   WHERE id = new.account_id;
  RETURN NULL;
END $$;

CREATE TRIGGER entries_apply_to_balance AFTER INSERT ON entries
  FOR EACH ROW EXECUTE FUNCTION apply_entry_to_balance();

-- The first rule of the book, checked at COMMIT, when all entries of a transfer are there.
CREATE FUNCTION check_transfer_balances() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  transfer uuid := CASE tg_argv[0] WHEN 'transfers' THEN (to_jsonb(new) ->> 'id')::uuid
                                   ELSE (to_jsonb(new) ->> 'transfer_id')::uuid END;
  debits   numeric;
  credits  numeric;
BEGIN
  SELECT coalesce(sum(amount) FILTER (WHERE side = 'debit'), 0),
         coalesce(sum(amount) FILTER (WHERE side = 'credit'), 0)
    INTO debits, credits
    FROM entries
   WHERE transfer_id = transfer AND booked_on = new.booked_on;
  IF debits <> credits OR debits = 0 THEN
    RAISE EXCEPTION 'transfer % does not balance: debits %, credits %', transfer, debits, credits
      USING ERRCODE = 'check_violation', CONSTRAINT = 'transfers_balanced', TABLE = 'transfers';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER transfers_balanced AFTER INSERT ON transfers
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_transfer_balances('transfers');
CREATE CONSTRAINT TRIGGER entries_balanced AFTER INSERT ON entries
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_transfer_balances('entries');
