-- A session sees and writes the rows of the tenant it has named, and none when it has named none. The sub-select
-- makes the planner read the setting once per statement. Not FORCEd: the owner has no login, and the functions
-- that guard invariants run as the owner because they must see everything.
ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY accounts_of_tenant ON accounts
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));

ALTER TABLE statements ENABLE ROW LEVEL SECURITY;
CREATE POLICY statements_of_tenant ON statements
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));

ALTER TABLE statement_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY statement_lines_of_tenant ON statement_lines
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));

ALTER TABLE months ENABLE ROW LEVEL SECURITY;
CREATE POLICY months_of_tenant ON months
  USING (tenant_id = (SELECT current_tenant())) WITH CHECK (tenant_id = (SELECT current_tenant()));
