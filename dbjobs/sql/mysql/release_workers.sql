DELETE FROM dbjobs_job_worker WHERE worker IN (:workers) AND node_id = :node_id;
