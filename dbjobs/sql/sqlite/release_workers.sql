DELETE FROM dbjobs_job_worker WHERE worker IN (SELECT value FROM json_each(:workers)) AND node_id = :node_id;
