-- @each reports
UPDATE dbjobs_background_job
SET progress = coalesce(:progress, progress), status = coalesce(:status, status),
    last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = :id AND attempt = :attempt AND node_id = :node_id;
