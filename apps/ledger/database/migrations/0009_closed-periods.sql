CREATE TABLE closed_periods (
  id         uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenants,
  during     daterange NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT closed_periods_bounded CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
  CONSTRAINT closed_periods_disjoint EXCLUDE USING gist (tenant_id WITH =, during WITH &&)
);

ALTER TABLE closed_periods ENABLE ROW LEVEL SECURITY;
CREATE POLICY closed_periods_of_tenant ON closed_periods
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));

-- Closing and booking meet at the tenant's row: whoever books holds it shared, whoever closes writes it. So
-- closing waits for the bookings under way, and a booking whose snapshot is older than the closing fails with
-- 40001 and is tried again, instead of slipping into a closed period (write skew).
CREATE FUNCTION refuse_booking_in_closed_period() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM FROM tenants WHERE id = new.tenant_id FOR SHARE;
  IF EXISTS (SELECT FROM closed_periods WHERE tenant_id = new.tenant_id AND during @> new.booked_on) THEN
    RAISE EXCEPTION 'the period of % is closed', new.booked_on
      USING ERRCODE = 'check_violation', CONSTRAINT = 'transfers_in_open_period', TABLE = 'transfers';
  END IF;
  RETURN new;
END $$;

CREATE TRIGGER transfers_in_open_period BEFORE INSERT ON transfers
  FOR EACH ROW EXECUTE FUNCTION refuse_booking_in_closed_period();

CREATE FUNCTION announce_closed_period() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  UPDATE tenants SET updated_at = clock_timestamp() WHERE id = new.tenant_id;
  RETURN NULL;
END $$;

CREATE TRIGGER closed_periods_announce AFTER INSERT ON closed_periods
  FOR EACH ROW EXECUTE FUNCTION announce_closed_period();
