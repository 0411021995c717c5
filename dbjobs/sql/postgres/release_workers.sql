DELETE FROM dbjobs.job_worker WHERE worker = ANY (:workers::text[]) AND node_id = :node_id;
