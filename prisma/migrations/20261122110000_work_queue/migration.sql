-- The work queue: workers claim what is ready, in the order of its rank, and hold it by a lease.

ALTER TABLE "assessment_states"
  -- What the queue is ordered by: the time of creation, and so much later for every priority below the most urgent. Whoever waits long enough
  -- overtakes what is more urgent, and one index has both orders.
  ADD COLUMN "queue_rank" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- Whether a worker may claim it while it is pending; false until the time of a retry has come.
  ADD COLUMN "ready" boolean NOT NULL DEFAULT true,
  -- When the worker that holds it was heard of last.
  ADD COLUMN "claim_seen_at" timestamptz(3),
  -- The token that it was held with when it was cancelled: its worker asks by it what became of its claim.
  ADD COLUMN "cancelled_claim_token" uuid;

-- How much one priority is worth in waiting, in milliseconds; a service says so for its connections (PRIORITY_STEP_MS).
CREATE FUNCTION assessment_priority_step() RETURNS interval LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('assessment_store.priority_step_ms', true), '')::integer, 300000) * interval '1 millisecond'
$$;

ALTER TABLE "assessment_states" DISABLE TRIGGER USER;
UPDATE assessment_states SET queue_rank = created_at + (priority - 1) * assessment_priority_step(), ready = next_retry_at IS NULL, claim_seen_at = claimed_at
  WHERE state IN ('pending', 'processing', 'failed');
ALTER TABLE "assessment_states" ENABLE TRIGGER USER;

DROP INDEX "assessment_states_ready";
CREATE INDEX "assessment_states_ready" ON "assessment_states" ("tenant_id", "type", "queue_rank", "id") WHERE state = 'pending' AND ready;
-- Not by the end of the lease: it changes with every heartbeat, and a row whose indexed columns stay the same can be updated in its place (HOT).
DROP INDEX "assessment_states_claims_expiring";
CREATE INDEX "assessment_states_claims" ON "assessment_states" ("claim_token") WHERE claim_token IS NOT NULL;
CREATE INDEX "assessment_states_claims_cancelled" ON "assessment_states" ("cancelled_claim_token") WHERE cancelled_claim_token IS NOT NULL;
DROP INDEX "assessment_states_retries_due";
CREATE INDEX "assessment_states_retries_due" ON "assessment_states" ("next_retry_at") WHERE state = 'pending' AND NOT ready;
CREATE INDEX "assessment_states_timeouts" ON "assessment_states" ("started_at") WHERE state = 'processing' AND timeout_ms IS NOT NULL;

-- Every row is updated several times in its short working life: vacuum after 2 % of them, not 20 %.
ALTER TABLE "assessment_states" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

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
  NEW.queue_rank := NEW.created_at + (NEW.priority - 1) * assessment_priority_step();
  NEW.ready := NEW.next_retry_at IS NULL;
  NEW.cancelled_claim_token := NULL;
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
  NEW.cancelled_claim_token := OLD.cancelled_claim_token;
  NEW.queue_rank := OLD.queue_rank;
  IF NEW.priority <> OLD.priority THEN
    NEW.queue_rank := OLD.queue_rank + (NEW.priority - OLD.priority) * assessment_priority_step();
  END IF;
  NEW.ready := NEW.state <> 'pending' OR NEW.next_retry_at IS NULL
    OR (NEW.state = OLD.state AND NEW.ready AND NEW.next_retry_at <= clock_timestamp());
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
      -- Nothing that counts has changed (a renewed lease, or a retry that has become ready, does not): neither versioned nor audited.
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
      NEW.claim_seen_at := NULL;
      IF NEW.state = 'cancelled' THEN
        NEW.cancelled_claim_token := OLD.claim_token;
      END IF;
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
