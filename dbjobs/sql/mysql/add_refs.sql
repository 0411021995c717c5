-- Keys of jobs that this transaction has inserted. A key that another transaction has inserted and not committed is waited
-- for; one that is there yields no row. reserve_ref should prevent both.
-- @each refs unless taken ref_id
INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
VALUES (:ref_id, :job_id, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP()));
