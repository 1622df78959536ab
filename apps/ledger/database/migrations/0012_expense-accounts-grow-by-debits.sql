CREATE OR REPLACE FUNCTION normal_side(kind account_kind) RETURNS entry_side
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE WHEN kind IN ('asset', 'expense') THEN 'debit'::entry_side ELSE 'credit'::entry_side END;
