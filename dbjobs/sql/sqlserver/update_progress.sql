-- READPAST: a locked job (its handler's own transaction may still be open) goes without this report; the next one, or
-- its end, tells more.
DECLARE @node_id bigint = :node_id, @reports nvarchar(max) = :reports;
UPDATE j
SET progress = COALESCE(p.progress, j.progress),
    status = COALESCE(dbjobs.json_text(JSON_QUERY(item.value, '$.status')), j.status),
    last_activity_at = SYSUTCDATETIME()
FROM OPENJSON(@reports) AS item
CROSS APPLY OPENJSON(item.value) WITH (id bigint, attempt int, progress float) AS p
JOIN dbjobs.background_job AS j 
    WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id
WHERE j.attempt = p.attempt AND j.node_id = @node_id;
