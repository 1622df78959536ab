-- Functions that guard an invariant are SECURITY DEFINER: they must see every row, whatever tenant the
-- session names and however little its role may do.

-- A statement adds up: checked at COMMIT, when all of its lines are there.
CREATE FUNCTION check_statement_adds_up() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  lines   integer;
  holds   boolean;
  closing bigint;
BEGIN
  SELECT count(*),
         coalesce(bool_and(number = position
                           AND amount = abs(balance - before)
                           AND booked_on >= new.month
                           AND booked_on < new.month + interval '1 month'
                           AND (booked_on >= day_before OR day_before IS NULL)), true),
         coalesce((array_agg(balance ORDER BY number DESC))[1], new.opening_balance)
    INTO lines, holds, closing
    FROM (SELECT *,
                 row_number() OVER w AS position,
                 coalesce(lag(balance) OVER w, new.opening_balance) AS before,
                 lag(booked_on) OVER w AS day_before
            FROM statement_lines
           WHERE statement_id = new.id
          WINDOW w AS (ORDER BY number)) AS line;
  IF NOT holds OR lines <> new.line_count OR closing <> new.closing_balance THEN
    RAISE EXCEPTION 'statement % does not add up: % lines lead from % to %', new.id, lines, new.opening_balance, closing
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statements_add_up', TABLE = 'statements';
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER statements_add_up AFTER INSERT ON statements
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION check_statement_adds_up();

-- What is written stays written.
CREATE FUNCTION refuse_change() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', tg_argv[0]
    USING ERRCODE = 'check_violation', CONSTRAINT = tg_argv[0] || '_append_only', TABLE = tg_argv[0];
END $$;

CREATE TRIGGER statements_append_only BEFORE UPDATE OR DELETE ON statements
  FOR EACH ROW EXECUTE FUNCTION refuse_change('statements');
CREATE TRIGGER statement_lines_append_only BEFORE UPDATE OR DELETE ON statement_lines
  FOR EACH ROW EXECUTE FUNCTION refuse_change('statement_lines');

-- Nor does it grow: lines come in the transaction of their statement, which the check above then sees whole.
CREATE FUNCTION refuse_late_lines() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM statements s
              WHERE s.id IN (SELECT statement_id FROM written)
                AND s.xmin <> pg_current_xact_id()::xid) THEN
    RAISE EXCEPTION 'a statement gets its lines when it is written'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'statement_lines_append_only', TABLE = 'statement_lines';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER statement_lines_in_time AFTER INSERT ON statement_lines
  REFERENCING NEW TABLE AS written
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_late_lines();
