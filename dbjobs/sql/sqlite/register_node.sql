INSERT INTO dbjobs_job_node (name, lease_expires_at, info)
VALUES (:name, strftime('%Y-%m-%d %H:%M:%f', 'now', :lease_seconds || ' seconds'), :info)
RETURNING id;
