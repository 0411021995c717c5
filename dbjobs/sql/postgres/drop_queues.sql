-- Drops those of these queues that still have no settings and were not used meanwhile: it checks the condition again
-- under the row's lock. Only the list of queues loses them; no claim needs the row (see find_ready_queues). It skips a
-- locked row, which somebody is using or setting.
WITH unused AS (
    SELECT queue
    FROM dbjobs.job_queue
    WHERE queue = ANY (:queues::text[]) AND NOT paused AND concurrency IS NULL
      AND used_at < statement_timestamp() - :seconds::double precision * interval '1 second'
    FOR UPDATE SKIP LOCKED
), dropped AS (
    DELETE FROM dbjobs.job_queue WHERE queue = ANY (ARRAY(SELECT queue FROM unused)) RETURNING queue
)
SELECT count(*)::integer AS dropped FROM dropped;
