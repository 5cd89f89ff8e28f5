-- Row-level security, for the people and tools that connect to the database directly. The service owns the tables, and an owner passes by it: its
-- statements are planned and run as before. Whoever else is granted access (npm run db:roles) sees the rows of the tenant that the session names
-- by `set app.tenant_id`, and without that none. The policies are for every role, those to come too; the roles themselves belong to the
-- cluster and not to this database, so they are not made here.

-- By the index of the migration before this one, retries are found too; two would only mislead the planner.
DROP INDEX "assessment_states_retries_due";

ALTER TABLE "assessment_states" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "assessment_state_audit" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "assessment_log_cut" ENABLE ROW LEVEL SECURITY;
-- These two say nothing of the tenant, and only the service needs them: with no policy nobody else sees any row.
ALTER TABLE "assessment_search" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "assessment_search_pending" ENABLE ROW LEVEL SECURITY;

CREATE POLICY "assessment_states_of_tenant" ON "assessment_states"
  USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')) WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY "assessment_state_audit_of_tenant" ON "assessment_state_audit" FOR SELECT USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY "assessment_log_cut_of_tenant" ON "assessment_log_cut" FOR SELECT USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

-- What is written beside a change (audit rows, words to be taken out, cuts of the log) is written by these as the owner, so that nobody who may change an
-- assessment needs a right to write there. The author of a change is not to be chosen: who is not the owner may name only their own login.
CREATE FUNCTION assessment_check_author(changed_by text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF changed_by IS DISTINCT FROM 'database:' || SESSION_USER THEN
    RAISE EXCEPTION 'changed_by is "database:%", the login that makes the change, and no other name', SESSION_USER
      USING ERRCODE = 'AS005', CONSTRAINT = 'assessment_audit';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION assessment_states_audit_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF NOT pg_has_role(SESSION_USER, CURRENT_USER, 'USAGE') THEN
    PERFORM assessment_check_author(i.changed_by) FROM inserted i;
  END IF;
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by, server_name, priority, max_retries, timeout_ms,
    started_at, claimed_at, claim_expires_at)
  SELECT tenant_id, assessment_id, NULL, state, NULL, version, changed_by, change_reason,
    updated_at, progress, message, error_message, retry_count, next_retry_at, claimed_by, server_name, priority, max_retries, timeout_ms,
    started_at, claimed_at, claim_expires_at
  FROM inserted;
  INSERT INTO assessment_search_pending (id) SELECT id FROM inserted;
  RETURN NULL;
END $$;

-- Nested loops are off here: the plan is made once for a connection, maybe for one row, and must not turn quadratic for 10,000.
CREATE OR REPLACE FUNCTION assessment_states_audit_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET enable_nestloop = off AS $$
BEGIN
  IF NOT pg_has_role(SESSION_USER, CURRENT_USER, 'USAGE') THEN
    PERFORM assessment_check_author(n.changed_by) FROM after_change n JOIN before_change o ON o.id = n.id WHERE n.version <> o.version;
  END IF;
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by, server_name, priority, max_retries, timeout_ms,
    started_at, claimed_at, claim_expires_at)
  SELECT n.tenant_id, n.assessment_id, o.state, n.state, o.version, n.version, n.changed_by, n.change_reason,
    n.updated_at, n.progress, n.message, n.error_message, n.retry_count, n.next_retry_at, n.claimed_by, n.server_name, n.priority, n.max_retries,
    n.timeout_ms, n.started_at, n.claimed_at, n.claim_expires_at
  FROM after_change n JOIN before_change o ON o.id = n.id
  WHERE n.version <> o.version;
  INSERT INTO assessment_search_pending (id)
  SELECT n.id FROM after_change n JOIN before_change o ON o.id = n.id
  WHERE (n.message, n.error_message, n.server_name) IS DISTINCT FROM (o.message, o.error_message, o.server_name);
  RETURN NULL;
END $$;

ALTER FUNCTION assessment_states_delete_audit() SECURITY DEFINER;

-- As the owner, they find our tables whatever search_path the session has, and no temporary table of the same name. Nobody may attach them to
-- a table of their own, by which they could write audit rows that no change has made.
DO $$
DECLARE
  definer text;
BEGIN
  FOREACH definer IN ARRAY array['assessment_states_audit_insert', 'assessment_states_audit_update', 'assessment_states_delete_audit'] LOOP
    EXECUTE format('ALTER FUNCTION %I() SET search_path = pg_catalog, %I, pg_temp', definer, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %I() FROM PUBLIC', definer);
  END LOOP;
END $$;
