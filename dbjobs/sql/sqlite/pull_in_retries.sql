-- Retries scheduled while the database's clock was ahead, before it was set back: they went into back-off at a moment
-- still to come. Their back-off starts again from now. Not jobs with a time from a caller (they have not run yet): that
-- time stands. Runs only after a step, one slice of the live jobs by id at a time, because no index has these moments.
UPDATE dbjobs_background_job NOT INDEXED
SET run_after = strftime(
        '%Y-%m-%d %H:%M:%f', run_after, ((julianday('now') - julianday(last_activity_at)) * 86400.0) || ' seconds'
    ),
    last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id > :after_id
  AND id <= (SELECT max(id) FROM (SELECT id FROM dbjobs_background_job WHERE id > :after_id ORDER BY id LIMIT :limit))
  AND state = 'scheduled'
  AND attempt > 0
  AND last_activity_at > strftime('%Y-%m-%d %H:%M:%f', 'now', :step_seconds || ' seconds');

SELECT changes() AS jobs, (
    SELECT max(id) FROM (SELECT id FROM dbjobs_background_job WHERE id > :after_id ORDER BY id LIMIT :limit)
) AS last_id;
