-- The tenant of the transaction. The service opens every transaction with SET LOCAL ledger.tenant; after it
-- ends the setting reads as an empty string (not as null) on that connection, hence nullif.
CREATE FUNCTION current_tenant() RETURNS uuid
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('ledger.tenant', true), '')::uuid;

CREATE FUNCTION touch_updated_at() RETURNS trigger
  LANGUAGE plpgsql AS $$
BEGIN
  new.updated_at := clock_timestamp();
  RETURN new;
END $$;

CREATE TABLE tenants (
  id         uuid PRIMARY KEY,
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT tenants_name_length CHECK (length(name) BETWEEN 1 AND 200)
);

CREATE TRIGGER tenants_touch_updated_at BEFORE UPDATE ON tenants
  FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
