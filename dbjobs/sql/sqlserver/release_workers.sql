DECLARE @workers nvarchar(max) = :workers, @node_id bigint = :node_id;
DELETE w
FROM OPENJSON(@workers) WITH (worker nvarchar(510) '$') AS n
JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.worker = n.worker COLLATE Latin1_General_100_BIN2
WHERE w.node_id = @node_id;
