-- Numbers that change whenever something changes that a page shows. Runs four times a second while a page is open, so
-- its cost must not grow with any table; it locks nothing.
--
-- * newest_id: it reads only from the last answer on. Without that start it would walk the dead entries of every job
--   that came and went since the last vacuum.
-- * ended, retried: counters of the last two minutes, along the key of job_stat.
-- * started and what follows: background_job_node holds only what nodes hold; 500 are enough to see that one moved.
-- * next_due: background_job_due's first entry, which shows a promotion. Queues: job_queue_settings. Tasks: a few
--   hundred rows.
SELECT (
    SELECT id FROM dbjobs.background_job WHERE id > :after_id::bigint ORDER BY id DESC LIMIT 1
) AS newest_id, s.ended, s.retried, b.started, b.cancels, b.progress, b.activity, (
    SELECT min(run_after) FROM dbjobs.background_job WHERE state = 'scheduled'
) AS next_due, q.paused, q.limits, (
    SELECT sum(revision % 1000003)::bigint FROM dbjobs.scheduled_task
) AS tasks, (
    SELECT max(id) FROM dbjobs.audit
) AS audit
FROM (
    SELECT sum(completed + failed + cancelled)::bigint AS ended, sum(retried)::bigint AS retried
    FROM dbjobs.job_stat
    WHERE minute >= date_trunc('minute', statement_timestamp()) - interval '1 minute'
) s
CROSS JOIN (
    SELECT count(*) AS started, count(j.cancel_requested_at) AS cancels, sum(j.progress) AS progress,
        max(j.last_activity_at) AS activity
    FROM (
        SELECT progress, cancel_requested_at, last_activity_at
        FROM dbjobs.background_job
        WHERE node_id IS NOT NULL
        ORDER BY node_id
        LIMIT 500
    ) j
) b
CROSS JOIN (
    SELECT count(*) FILTER (WHERE paused) AS paused, sum(concurrency)::bigint AS limits
    FROM dbjobs.job_queue
    WHERE paused OR concurrency IS NOT NULL
) q;
