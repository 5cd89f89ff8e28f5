-- The retries that are due are taken in turns by tenant, each tenant's by this index. It is built beside the writers; should that fail, drop what is left
-- of it (DROP INDEX "assessment_states_retries_of_tenants") before the migration is tried again.
CREATE INDEX CONCURRENTLY "assessment_states_retries_of_tenants" ON "assessment_states" ("tenant_id", "next_retry_at") WHERE state = 'pending' AND NOT ready;
