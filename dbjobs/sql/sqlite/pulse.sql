-- Numbers that change whenever something changes that a page shows. Runs four times a second while a page is open, so
-- its cost must not grow with any table.
--
-- * newest_id: the last entry of the table. ended, retried: counters of the last two minutes, along the key of job_stat.
-- * started and what follows: dbjobs_background_job_node holds only what nodes hold; 500 are enough to see that one
--   moved.
-- * next_due: the first entry of dbjobs_background_job_due, which shows a promotion. Tasks: a few hundred rows.
SELECT (
    SELECT id FROM dbjobs_background_job WHERE id > :after_id ORDER BY id DESC LIMIT 1
) AS newest_id, s.ended, s.retried, b.started, b.cancels, b.progress, b.activity, (
    SELECT min(run_after) FROM dbjobs_background_job WHERE state = 'scheduled'
) AS next_due, q.paused, q.limits, (
    SELECT sum(revision % 1000003) FROM dbjobs_scheduled_task
) AS tasks, (
    SELECT max(id) FROM dbjobs_audit
) AS audit
FROM (
    SELECT sum(completed + failed + cancelled) AS ended, sum(retried) AS retried
    FROM dbjobs_job_stat
    WHERE minute >= strftime('%Y-%m-%d %H:%M:%f', 'now', '-2 minutes')
) s
CROSS JOIN (
    SELECT count(*) AS started, count(cancel_requested_at) AS cancels, sum(progress) AS progress,
        max(last_activity_at) AS activity
    FROM (
        SELECT progress, cancel_requested_at, last_activity_at
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_node
        WHERE node_id IS NOT NULL
        ORDER BY node_id
        LIMIT 500
    )
) b
CROSS JOIN (
    SELECT sum(paused) AS paused, sum(concurrency) AS limits
    FROM dbjobs_job_queue
    WHERE paused OR concurrency IS NOT NULL
) q;
