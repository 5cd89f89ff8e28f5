-- The lifecycle of assessments: one table for what is, one for what was, and the guard that stands between.

CREATE TYPE "assessment_state" AS ENUM ('pending', 'processing', 'completed', 'failed', 'cancelled');
CREATE TYPE "assessment_type" AS ENUM ('compliance', 'health', 'security');
CREATE TYPE "assessment_source" AS ENUM ('installer', 'compliance', 'api');

-- The words of a request. It never changes, so they are taken out once, at creation, not again with every update: about 1 microsecond
-- a word. Of a long one only the beginning counts: a vector over 1 MiB is an error in PostgreSQL, and no request may make a write fail.
CREATE FUNCTION assessment_request_vector(request jsonb) RETURNS tsvector LANGUAGE sql PARALLEL SAFE AS $$
  SELECT CASE WHEN pg_column_size(request) <= 65536 THEN jsonb_to_tsvector('simple'::regconfig, request, '["string", "numeric"]')
              ELSE to_tsvector('simple'::regconfig, left(request::text, 65536)) END
$$;

-- What full-text search finds: the server name (whole, and its parts with and without hyphens), message, error and request.
CREATE FUNCTION assessment_search_vector(server_name text, message text, error_message text, request_vector tsvector)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  found tsvector := coalesce(request_vector, ''::tsvector);
BEGIN
  IF server_name IS NOT NULL THEN
    found := to_tsvector('simple'::regconfig, concat_ws(' ', server_name, translate(server_name, './_:@', '     '), translate(server_name, '.-_/:@', '      '))) || found;
  END IF;
  IF message IS NOT NULL THEN
    found := found || to_tsvector('simple'::regconfig, left(message, 10000));
  END IF;
  IF error_message IS NOT NULL THEN
    found := found || to_tsvector('simple'::regconfig, left(error_message, 10000));
  END IF;
  RETURN found;
END $$;

CREATE TABLE "assessment_states" (
  "id" uuid NOT NULL,
  "tenant_id" varchar(255) NOT NULL DEFAULT 'default',
  "assessment_id" varchar(255) COLLATE "C" NOT NULL,
  "state" "assessment_state" NOT NULL DEFAULT 'pending',
  "version" integer NOT NULL DEFAULT 1,
  "type" "assessment_type" NOT NULL,
  "source" "assessment_source" NOT NULL,
  "server_name" varchar(255) COLLATE "C",
  "request_data" jsonb NOT NULL,
  "request_hash" text NOT NULL,
  "result_data" jsonb,
  "error_message" text,
  "message" text,
  "progress" smallint NOT NULL DEFAULT 0,
  "priority" smallint NOT NULL DEFAULT 5,
  "retry_count" integer NOT NULL DEFAULT 0,
  "max_retries" integer NOT NULL DEFAULT 0,
  "next_retry_at" timestamptz(3),
  "timeout_ms" integer,
  "claimed_by" text,
  "claim_token" uuid,
  "claimed_at" timestamptz(3),
  "claim_expires_at" timestamptz(3),
  "changed_by" text NOT NULL DEFAULT ('database:'::text || SESSION_USER),
  "change_reason" text,
  "created_at" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updated_at" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "started_at" timestamptz(3),
  "completed_at" timestamptz(3),
  "request_vector" tsvector,
  "search_vector" tsvector GENERATED ALWAYS AS (assessment_search_vector(server_name, message, error_message, request_vector)) STORED,
  CONSTRAINT "assessment_states_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "assessment_states_assessment_id_not_empty" CHECK (assessment_id <> ''),
  CONSTRAINT "assessment_states_version_positive" CHECK (version >= 1),
  CONSTRAINT "assessment_states_progress_range" CHECK (progress BETWEEN 0 AND 100),
  CONSTRAINT "assessment_states_priority_range" CHECK (priority BETWEEN 1 AND 10),
  CONSTRAINT "assessment_states_retries_not_negative" CHECK (retry_count >= 0 AND max_retries >= 0),
  CONSTRAINT "assessment_states_timeout_positive" CHECK (timeout_ms > 0),
  CONSTRAINT "assessment_states_completed_at_when_ended" CHECK ((completed_at IS NOT NULL) = (state IN ('completed', 'failed'))),
  CONSTRAINT "assessment_states_started_at_when_started" CHECK (started_at IS NOT NULL OR state IN ('pending', 'cancelled')),
  CONSTRAINT "assessment_states_result_when_completed" CHECK (result_data IS NULL OR state = 'completed'),
  CONSTRAINT "assessment_states_next_retry_when_pending" CHECK (next_retry_at IS NULL OR state = 'pending'),
  CONSTRAINT "assessment_states_claim_all_or_none" CHECK (num_nulls(claimed_by, claim_token, claimed_at, claim_expires_at) IN (0, 4)),
  CONSTRAINT "assessment_states_claim_when_processing" CHECK (claim_token IS NULL OR state = 'processing')
) WITH (fillfactor = 85);

CREATE UNIQUE INDEX "assessment_states_tenant_id_assessment_id_key" ON "assessment_states" ("tenant_id", "assessment_id");
CREATE INDEX "assessment_states_tenant_id_created_at_id_idx" ON "assessment_states" ("tenant_id", "created_at", "id");
CREATE INDEX "assessment_states_tenant_id_updated_at_id_idx" ON "assessment_states" ("tenant_id", "updated_at", "id");
CREATE INDEX "assessment_states_tenant_id_completed_at_idx" ON "assessment_states" ("tenant_id", "completed_at");
CREATE INDEX "assessment_states_tenant_id_state_created_at_id_idx" ON "assessment_states" ("tenant_id", "state", "created_at", "id");
CREATE INDEX "assessment_states_tenant_id_server_name_created_at_idx" ON "assessment_states" ("tenant_id", "server_name", "created_at");
CREATE INDEX "assessment_states_ready" ON "assessment_states" ("priority", "created_at") WHERE state = 'pending';
CREATE INDEX "assessment_states_claims_expiring" ON "assessment_states" ("claim_expires_at") WHERE state = 'processing';
CREATE INDEX "assessment_states_retries_due" ON "assessment_states" ("next_retry_at") WHERE next_retry_at IS NOT NULL;
CREATE INDEX "assessment_states_search" ON "assessment_states" USING gin ("search_vector");

CREATE TABLE "assessment_state_audit" (
  "seq" bigint GENERATED ALWAYS AS IDENTITY,
  "txid" xid8 NOT NULL DEFAULT pg_current_xact_id(),
  "tenant_id" varchar(255) NOT NULL,
  "assessment_id" varchar(255) COLLATE "C" NOT NULL,
  "old_state" "assessment_state",
  "new_state" "assessment_state" NOT NULL,
  "version_from" integer,
  "version_to" integer NOT NULL,
  "changed_by" text NOT NULL,
  "change_reason" text,
  "created_at" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "progress" smallint NOT NULL,
  "message" text,
  "error_message" text,
  "retry_count" integer NOT NULL,
  "next_retry_at" timestamptz(3),
  "claimed_by" text,
  CONSTRAINT "assessment_state_audit_pkey" PRIMARY KEY ("seq"),
  CONSTRAINT "assessment_state_audit_no_gap" CHECK (
    CASE WHEN version_from IS NULL THEN old_state IS NULL AND version_to = 1 ELSE old_state IS NOT NULL AND version_to = version_from + 1 END)
);

-- Unique: two changes can never both lead to the same version, so a history cannot fork.
CREATE UNIQUE INDEX "assessment_state_audit_tenant_id_assessment_id_version_to_key" ON "assessment_state_audit" ("tenant_id", "assessment_id", "version_to");
CREATE INDEX "assessment_state_audit_txid_seq_idx" ON "assessment_state_audit" ("txid", "seq");
CREATE INDEX "assessment_state_audit_ended" ON "assessment_state_audit" ("tenant_id", "created_at")
  WHERE new_state IN ('completed', 'failed', 'cancelled');

-- The transitions that there are; src/store/lifecycle.ts holds the same table, and a test compares them pair by pair.
CREATE FUNCTION assessment_transition_allowed(was assessment_state, becomes assessment_state)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE was
    WHEN 'pending' THEN becomes IN ('processing', 'cancelled')
    WHEN 'processing' THEN becomes IN ('completed', 'failed', 'cancelled', 'pending')
    WHEN 'failed' THEN becomes = 'pending'
    ELSE false END
$$;

CREATE FUNCTION assessment_states_guard_insert() RETURNS trigger LANGUAGE plpgsql AS $$
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
  NEW.request_vector := assessment_request_vector(NEW.request_data);
  RETURN NEW;
END $$;

-- Which author a change has: a statement that sets changed_by speaks for itself, any other is put down to its database role.
-- The two statement triggers run before the row trigger, in the order of their names.
CREATE FUNCTION assessment_states_note_author() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('assessment_store.author_named', TG_ARGV[0], true);
  RETURN NULL;
END $$;

CREATE FUNCTION assessment_states_guard_update() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  now_ms timestamptz(3) := greatest(date_trunc('milliseconds', clock_timestamp()), OLD.updated_at);
BEGIN
  NEW.version := OLD.version;
  NEW.updated_at := OLD.updated_at;
  NEW.started_at := OLD.started_at;
  NEW.completed_at := OLD.completed_at;
  NEW.retry_count := OLD.retry_count;
  NEW.request_vector := OLD.request_vector;
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

CREATE FUNCTION assessment_states_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.tenant_id, NEW.assessment_id, NEW.type, NEW.source, NEW.request_hash, NEW.created_at)
    IS DISTINCT FROM (OLD.id, OLD.tenant_id, OLD.assessment_id, OLD.type, OLD.source, OLD.request_hash, OLD.created_at)
    OR NEW.request_data IS DISTINCT FROM OLD.request_data
  THEN
    RAISE EXCEPTION 'assessment "%": what it was created with (id, tenant, key, type, source, request, time) never changes', OLD.assessment_id
      USING ERRCODE = 'AS002', CONSTRAINT = 'assessment_identity';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION assessment_states_audit_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by)
  SELECT tenant_id, assessment_id, NULL, state, NULL, version, changed_by, change_reason,
    updated_at, progress, message, error_message, retry_count, next_retry_at, claimed_by
  FROM inserted;
  RETURN NULL;
END $$;

-- Nested loops are off here: the plan is made once for a connection, maybe for one row, and must not turn quadratic for 10,000.
CREATE FUNCTION assessment_states_audit_update() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
  INSERT INTO assessment_state_audit (tenant_id, assessment_id, old_state, new_state, version_from, version_to, changed_by, change_reason,
    created_at, progress, message, error_message, retry_count, next_retry_at, claimed_by)
  SELECT n.tenant_id, n.assessment_id, o.state, n.state, o.version, n.version, n.changed_by, n.change_reason,
    n.updated_at, n.progress, n.message, n.error_message, n.retry_count, n.next_retry_at, n.claimed_by
  FROM after_change n JOIN before_change o ON o.id = n.id
  WHERE n.version <> o.version;
  RETURN NULL;
END $$;

-- No accepted assessment is lost: only an ended one can be deleted, and its audit rows go with it.
CREATE FUNCTION assessment_states_guard_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state IN ('pending', 'processing') THEN
    RAISE EXCEPTION 'assessment "%" is %: only an ended assessment can be deleted (cancel it first)', OLD.assessment_id, OLD.state
      USING ERRCODE = 'AS004', CONSTRAINT = 'assessment_delete';
  END IF;
  RETURN OLD;
END $$;

CREATE FUNCTION assessment_states_delete_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM assessment_state_audit a USING deleted d WHERE a.tenant_id = d.tenant_id AND a.assessment_id = d.assessment_id;
  RETURN NULL;
END $$;

CREATE FUNCTION assessment_state_audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- What the triggers of assessment_states do: add a row for every change, delete the rows of a deleted assessment.
  IF TG_OP <> 'UPDATE' AND pg_trigger_depth() > 1 THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'the audit trail is written by the database alone, with the change itself: % refused', lower(TG_OP)
    USING ERRCODE = 'AS005', CONSTRAINT = 'assessment_audit';
END $$;

CREATE FUNCTION assessment_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% cannot be truncated: it would lose assessments or their history', TG_TABLE_NAME
    USING ERRCODE = 'AS005', CONSTRAINT = 'assessment_audit';
END $$;

CREATE TRIGGER "assessment_states_10_author_unnamed" BEFORE UPDATE ON "assessment_states"
  FOR EACH STATEMENT EXECUTE FUNCTION assessment_states_note_author('no');
CREATE TRIGGER "assessment_states_20_author_named" BEFORE UPDATE OF "changed_by" ON "assessment_states"
  FOR EACH STATEMENT EXECUTE FUNCTION assessment_states_note_author('yes');
CREATE TRIGGER "assessment_states_30_keep_identity"
  BEFORE UPDATE OF "id", "tenant_id", "assessment_id", "type", "source", "request_data", "request_hash", "created_at" ON "assessment_states"
  FOR EACH ROW EXECUTE FUNCTION assessment_states_keep_identity();
CREATE TRIGGER "assessment_states_40_guard_update" BEFORE UPDATE ON "assessment_states"
  FOR EACH ROW EXECUTE FUNCTION assessment_states_guard_update();
CREATE TRIGGER "assessment_states_40_guard_insert" BEFORE INSERT ON "assessment_states"
  FOR EACH ROW EXECUTE FUNCTION assessment_states_guard_insert();
CREATE TRIGGER "assessment_states_40_guard_delete" BEFORE DELETE ON "assessment_states"
  FOR EACH ROW EXECUTE FUNCTION assessment_states_guard_delete();
CREATE TRIGGER "assessment_states_40_guard_truncate" BEFORE TRUNCATE ON "assessment_states"
  FOR EACH STATEMENT EXECUTE FUNCTION assessment_refuse_truncate();
CREATE TRIGGER "assessment_states_50_audit_insert" AFTER INSERT ON "assessment_states"
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION assessment_states_audit_insert();
CREATE TRIGGER "assessment_states_50_audit_update" AFTER UPDATE ON "assessment_states"
  REFERENCING OLD TABLE AS before_change NEW TABLE AS after_change FOR EACH STATEMENT EXECUTE FUNCTION assessment_states_audit_update();
CREATE TRIGGER "assessment_states_50_delete_audit" AFTER DELETE ON "assessment_states"
  REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION assessment_states_delete_audit();
CREATE TRIGGER "assessment_state_audit_keep" BEFORE INSERT OR UPDATE OR DELETE ON "assessment_state_audit"
  FOR EACH STATEMENT EXECUTE FUNCTION assessment_state_audit_keep();
CREATE TRIGGER "assessment_state_audit_keep_all" BEFORE TRUNCATE ON "assessment_state_audit"
  FOR EACH STATEMENT EXECUTE FUNCTION assessment_refuse_truncate();
