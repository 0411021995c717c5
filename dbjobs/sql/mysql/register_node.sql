INSERT INTO dbjobs_job_node (name, lease_expires_at, info)
VALUES (:name, UTC_TIMESTAMP(6) + INTERVAL :lease_seconds * 1000000 MICROSECOND, :info);

SELECT LAST_INSERT_ID() AS id;
