DECLARE @node_id bigint = :node_id;
SELECT (SELECT worker FROM dbjobs.job_worker WHERE node_id = @node_id FOR JSON PATH) AS packed;
