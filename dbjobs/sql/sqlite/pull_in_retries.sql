-- Retries that were scheduled while the database's clock stood ahead, before it was set back: they went into back-off at a
-- moment that is still to come. Their back-off counts anew from now. Not jobs whose time a caller has given (they have not
-- run yet): that moment is what it says. Asked only after a step; a slice of the live jobs by id at a time, because no index
-- knows these moments.
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
