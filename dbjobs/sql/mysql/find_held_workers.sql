SELECT worker FROM dbjobs_job_worker WHERE node_id = :node_id;
