-- Rows copied into history with their numbers do not advance the counters, because history has none: this makes new
-- jobs, log lines and nodes get numbers above these.
SELECT
    setval(
        'dbjobs.background_job_id_seq',
        greatest(:job_id::bigint, (SELECT last_value FROM dbjobs.background_job_id_seq))
    ),
    setval('dbjobs.job_log_id', greatest(:log_id::bigint, (SELECT last_value FROM dbjobs.job_log_id))),
    setval('dbjobs.job_node_id_seq', greatest(:node_id::bigint, (SELECT last_value FROM dbjobs.job_node_id_seq)));
