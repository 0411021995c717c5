SELECT worker FROM dbjobs.job_worker WHERE node_id = :node_id;
