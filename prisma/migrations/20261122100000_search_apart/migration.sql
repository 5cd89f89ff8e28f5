-- Full-text search moves off the rows that commands change. There, every transition wrote a new version of the whole vector and of its entries
-- in the GIN index: more than half of what the database spent on a lifecycle. Now a change only notes that its words are waiting; a
-- maintenance loop takes them out, and until it has, a search reads the waiting rows themselves.

CREATE TABLE "assessment_search" (
  "id" uuid NOT NULL,
  "version" integer NOT NULL,
  "server_name" varchar(255) COLLATE "C",
  "message" text,
  "error_message" text,
  "request_vector" tsvector NOT NULL,
  "search_vector" tsvector GENERATED ALWAYS AS (assessment_search_vector(server_name, message, error_message, request_vector)) STORED,
  CONSTRAINT "assessment_search_pkey" PRIMARY KEY ("id")
);

-- Of a long request only the beginning counts, by the length of its text: the size of a stored value is that of its compressed form.
CREATE OR REPLACE FUNCTION assessment_request_vector(request jsonb) RETURNS tsvector LANGUAGE sql PARALLEL SAFE AS $$
  SELECT CASE WHEN octet_length(request::text) <= 65536 THEN jsonb_to_tsvector('simple'::regconfig, request, '["string", "numeric"]')
              ELSE to_tsvector('simple'::regconfig, left(request::text, 65536)) END
$$;

-- A queue: its rows live for less than a second, so it is vacuumed by their number and not by a share of the table.
CREATE TABLE "assessment_search_pending" (
  "seq" bigint GENERATED ALWAYS AS IDENTITY,
  "id" uuid NOT NULL,
  CONSTRAINT "assessment_search_pending_pkey" PRIMARY KEY ("seq")
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);

INSERT INTO assessment_search (id, version, server_name, message, error_message, request_vector)
  SELECT id, version, server_name, message, error_message, coalesce(request_vector, ''::tsvector) FROM assessment_states;
CREATE INDEX "assessment_search_words" ON "assessment_search" USING gin ("search_vector");

DROP INDEX "assessment_states_search";
-- From here on nobody else writes: what was created, changed or deleted during the copy waits for the indexer.
INSERT INTO assessment_search_pending (id)
  SELECT coalesce(s.id, d.id) FROM assessment_states s FULL JOIN assessment_search d ON d.id = s.id
  WHERE d.version IS DISTINCT FROM s.version;
ALTER TABLE "assessment_states" DROP COLUMN "search_vector", DROP COLUMN "request_vector";

-- Most rows have neither value at first; without them an update has two indexes less to write to.
DROP INDEX "assessment_states_tenant_id_completed_at_idx";
DROP INDEX "assessment_states_tenant_id_server_name_created_at_idx";
CREATE INDEX "assessment_states_tenant_id_completed_at_idx" ON "assessment_states" ("tenant_id", "completed_at") WHERE completed_at IS NOT NULL;
CREATE INDEX "assessment_states_tenant_id_server_name_created_at_idx" ON "assessment_states" ("tenant_id", "server_name", "created_at") WHERE server_name IS NOT NULL;

CREATE OR REPLACE FUNCTION assessment_states_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  now_ms timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
BEGIN
  IF NEW.state <> 'pending' THEN
    RAISE EXCEPTION 'assessment "%" cannot begin as %: every assessment begins as pending', NEW.assessment_id, NEW.state
      USING ERRCODE = 'AS001', CONSTRAINT = 'assessment_transition';
  END IF;
  NEW.version := 1;
  NEW.progress := 0;
  NEW.retry_count := 0;
  NEW.created_at := least(NEW.created_at, now_ms);
  NEW.updated_at := NEW.created_at;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION assessment_states_guard_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  now_ms timestamptz(3) := greatest(date_trunc('milliseconds', clock_timestamp()), OLD.updated_at);
BEGIN
  NEW.version := OLD.version;
  NEW.updated_at := OLD.updated_at;
  NEW.started_at := OLD.started_at;
  NEW.completed_at := OLD.completed_at;
  NEW.retry_count := OLD.retry_count;
  IF current_setting('assessment_store.author_named', true) IS DISTINCT FROM 'yes' THEN
    NEW.changed_by := 'database:' || SESSION_USER;
    NEW.change_reason := NULL;
  END IF;

  IF NEW.state = OLD.state THEN
    IF (NEW.progress, NEW.priority, NEW.max_retries) = (OLD.progress, OLD.priority, OLD.max_retries)
      AND NEW.message IS NOT DISTINCT FROM OLD.message
      AND NEW.error_message IS NOT DISTINCT FROM OLD.error_message
      AND NEW.server_name IS NOT DISTINCT FROM OLD.server_name
      AND NEW.next_retry_at IS NOT DISTINCT FROM OLD.next_retry_at
      AND NEW.timeout_ms IS NOT DISTINCT FROM OLD.timeout_ms
      AND NEW.claim_token IS NOT DISTINCT FROM OLD.claim_token
      AND NEW.claimed_by IS NOT DISTINCT FROM OLD.claimed_by
      AND NEW.claimed_at IS NOT DISTINCT FROM OLD.claimed_at
      AND (NEW.state <> 'completed' OR NEW.result_data IS NOT DISTINCT FROM OLD.result_data)
    THEN
      -- Nothing that counts has changed (a renewed lease does not): neither versioned nor audited.
      NEW.changed_by := OLD.changed_by;
      NEW.change_reason := OLD.change_reason;
      RETURN NEW;
    END IF;
    IF OLD.state IN ('completed', 'failed', 'cancelled') THEN
      RAISE EXCEPTION 'assessment "%" is %: it can no longer be changed', OLD.assessment_id, OLD.state
        USING ERRCODE = 'AS002', CONSTRAINT = 'assessment_terminal';
    END IF;
    IF NEW.progress <> OLD.progress AND OLD.state <> 'processing' THEN
      RAISE EXCEPTION 'assessment "%" is %: progress changes only in processing', OLD.assessment_id, OLD.state
        USING ERRCODE = 'AS003', CONSTRAINT = 'assessment_progress';
    END IF;
    IF NEW.progress < OLD.progress THEN
      RAISE EXCEPTION 'progress of assessment "%" cannot fall from % to %', OLD.assessment_id, OLD.progress, NEW.progress
        USING ERRCODE = 'AS003', CONSTRAINT = 'assessment_progress';
    END IF;
  ELSE
    IF NOT assessment_transition_allowed(OLD.state, NEW.state) THEN
      RAISE EXCEPTION 'assessment "%" cannot go from % to %', OLD.assessment_id, OLD.state, NEW.state
        USING ERRCODE = 'AS001', CONSTRAINT = 'assessment_transition';
    END IF;
    IF NEW.state = 'processing' THEN
      NEW.started_at := now_ms;
      NEW.next_retry_at := NULL;
      NEW.error_message := NULL;
    ELSE
      NEW.claimed_by := NULL;
      NEW.claim_token := NULL;
      NEW.claimed_at := NULL;
      NEW.claim_expires_at := NULL;
      NEW.completed_at := CASE WHEN NEW.state IN ('completed', 'failed') THEN now_ms END;
      NEW.progress := CASE NEW.state WHEN 'completed' THEN 100 WHEN 'pending' THEN 0 ELSE OLD.progress END;
      IF NEW.state = 'pending' THEN
        NEW.started_at := NULL;
        NEW.message := NULL;
        -- A release (processing to pending with no time to wait for) is no retry.
        IF OLD.state = 'failed' OR NEW.next_retry_at IS NOT NULL THEN
          NEW.retry_count := OLD.retry_count + 1;
        END IF;
      ELSE
        NEW.next_retry_at := NULL;
        IF NEW.state = 'completed' THEN
          NEW.error_message := NULL;
        END IF;
      END IF;
    END IF;
  END IF;

  NEW.version := OLD.version + 1;
  NEW.updated_at := now_ms;
  RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION assessment_states_audit_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by)
  SELECT tenant_id, assessment_id, NULL, state, NULL, version, changed_by, change_reason,
    updated_at, progress, message, error_message, retry_count, next_retry_at, claimed_by
  FROM inserted;
  INSERT INTO assessment_search_pending (id) SELECT id FROM inserted;
  RETURN NULL;
END $$;

-- Nested loops are off here: the plan is made once for a connection, maybe for one row, and must not turn quadratic for 10,000.
CREATE OR REPLACE FUNCTION assessment_states_audit_update() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by)
  SELECT n.tenant_id, n.assessment_id, o.state, n.state, o.version, n.version, n.changed_by, n.change_reason,
    n.updated_at, n.progress, n.message, n.error_message, n.retry_count, n.next_retry_at, n.claimed_by
  FROM after_change n JOIN before_change o ON o.id = n.id
  WHERE n.version <> o.version;
  INSERT INTO assessment_search_pending (id)
  SELECT n.id FROM after_change n JOIN before_change o ON o.id = n.id
  WHERE (n.message, n.error_message, n.server_name) IS DISTINCT FROM (o.message, o.error_message, o.server_name);
  RETURN NULL;
END $$;

-- The words of a deleted assessment wait for their removal in the same queue.
CREATE OR REPLACE FUNCTION assessment_states_delete_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM assessment_state_audit a USING deleted d WHERE a.tenant_id = d.tenant_id AND a.assessment_id = d.assessment_id;
  INSERT INTO assessment_search_pending (id) SELECT id FROM deleted;
  RETURN NULL;
END $$;
