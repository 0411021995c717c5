INSERT INTO dbjobs.job_node (name, lease_expires_at, info)
VALUES (:name, clock_timestamp() + :lease_seconds::double precision * interval '1 second', :info::jsonb)
RETURNING id;
