-- The audit trail becomes a log that feeds are read from: every row shows the assessment as it was at its version, without its bodies.
-- Rows that were written before have no priority: what they lack is taken from the assessment as it is now.
ALTER TABLE "assessment_state_audit"
  ADD COLUMN "server_name" varchar(255) COLLATE "C",
  ADD COLUMN "priority" smallint,
  ADD COLUMN "max_retries" integer,
  ADD COLUMN "timeout_ms" integer,
  ADD COLUMN "started_at" timestamptz(3),
  ADD COLUMN "claimed_at" timestamptz(3),
  ADD COLUMN "claim_expires_at" timestamptz(3);

CREATE OR REPLACE FUNCTION assessment_states_audit_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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

CREATE OR REPLACE FUNCTION assessment_states_audit_update() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
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

-- What deletions have taken out of the log: the newest transaction and the highest seq of a tenant's rows that are gone, and the transaction
-- that deleted them. A feed from before it that has not come past both cannot go on. Rows are added and not changed, so that two deletions never
-- wait for each other; one that reaches at least as far as an earlier one takes its place.
CREATE TABLE "assessment_log_cut" (
  "id" bigint GENERATED ALWAYS AS IDENTITY,
  "tenant_id" varchar(255) NOT NULL,
  "cut_by" xid8 NOT NULL DEFAULT pg_current_xact_id(),
  "txid" xid8 NOT NULL,
  "seq" bigint NOT NULL,
  CONSTRAINT "assessment_log_cut_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "assessment_log_cut_tenant_id_idx" ON "assessment_log_cut" ("tenant_id");
CREATE INDEX "assessment_log_cut_cut_by_idx" ON "assessment_log_cut" ("cut_by");

CREATE OR REPLACE FUNCTION assessment_states_delete_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  WITH gone AS (
    DELETE FROM assessment_state_audit a USING deleted d WHERE a.tenant_id = d.tenant_id AND a.assessment_id = d.assessment_id
    RETURNING a.tenant_id, a.txid, a.seq
  ), cut AS (
    SELECT g.tenant_id, (array_agg(g.txid ORDER BY g.txid DESC))[1] AS txid, max(g.seq) AS seq FROM gone g GROUP BY g.tenant_id
  ), covered AS (
    DELETE FROM assessment_log_cut WHERE id IN (
      SELECT c.id FROM assessment_log_cut c JOIN cut ON c.tenant_id = cut.tenant_id AND c.txid <= cut.txid AND c.seq <= cut.seq
      FOR UPDATE OF c SKIP LOCKED)
  )
  INSERT INTO assessment_log_cut (tenant_id, txid, seq) SELECT cut.tenant_id, cut.txid, cut.seq FROM cut;
  INSERT INTO assessment_search_pending (id) SELECT id FROM deleted;
  RETURN NULL;
END $$;

-- Transaction ids mean something within one history of one database. A dump restored elsewhere, a recovery to an earlier point and a failover
-- begin another history: an epoch of the log, in which cursors of another epoch are refused, and all rows up to first_seq count as settled.
CREATE TABLE "assessment_log_epoch" (
  "epoch" integer NOT NULL,
  "history" text NOT NULL,
  "first_seq" bigint NOT NULL,
  "begun_by" xid8 NOT NULL DEFAULT pg_current_xact_id(),
  CONSTRAINT "assessment_log_epoch_pkey" PRIMARY KEY ("epoch")
);

-- The cluster, the database in it, and the timeline of its write-ahead log.
CREATE FUNCTION assessment_log_history() RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  place text := (SELECT oid FROM pg_database WHERE datname = current_database()) || ':' || left(pg_walfile_name(pg_current_wal_lsn()), 8);
BEGIN
  RETURN (SELECT system_identifier FROM pg_control_system()) || ':' || place;
EXCEPTION WHEN insufficient_privilege THEN
  RETURN 'unknown:' || place;
END $$;

-- The epoch of the log; begins a new one when the history is another than that of the newest. On a new timeline transaction ids go on where the
-- old one was left. In another database they do not: what stands there has those of its origin and counts as settled, so writers are kept out
-- for the moment in which that is determined; a change that is not committed yet must not be among it.
CREATE FUNCTION assessment_log_enter() RETURNS assessment_log_epoch LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
  newest assessment_log_epoch;
  here text := assessment_log_history();
BEGIN
  SELECT * INTO newest FROM assessment_log_epoch ORDER BY epoch DESC LIMIT 1;
  IF newest.history IS NOT DISTINCT FROM here THEN
    RETURN newest;
  END IF;
  LOCK TABLE assessment_log_epoch IN SHARE ROW EXCLUSIVE MODE;
  SELECT * INTO newest FROM assessment_log_epoch ORDER BY epoch DESC LIMIT 1;
  IF newest.history IS NOT DISTINCT FROM here THEN
    RETURN newest;
  END IF;
  IF regexp_replace(newest.history, ':[^:]*$', '') IS DISTINCT FROM regexp_replace(here, ':[^:]*$', '') THEN
    LOCK TABLE assessment_state_audit IN SHARE ROW EXCLUSIVE MODE;
    newest.first_seq := (SELECT coalesce(max(seq), 0) FROM assessment_state_audit);
  END IF;
  DELETE FROM assessment_log_cut;
  INSERT INTO assessment_log_epoch (epoch, history, first_seq) VALUES (coalesce(newest.epoch, 0) + 1, here, newest.first_seq)
  RETURNING * INTO newest;
  RETURN newest;
END $$;

SELECT assessment_log_enter();
