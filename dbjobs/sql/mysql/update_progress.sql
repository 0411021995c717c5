-- Fenced: an attempt that is no longer ours writes nothing.
UPDATE JSON_TABLE(:reports, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', progress DOUBLE PATH '$.progress', status LONGTEXT PATH '$.status'
)) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
SET j.progress = COALESCE(p.progress, j.progress), j.status = COALESCE(p.status, j.status),
    j.last_activity_at = UTC_TIMESTAMP(6)
WHERE j.attempt = p.attempt AND j.node_id = :node_id;
