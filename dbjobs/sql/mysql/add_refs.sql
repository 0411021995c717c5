-- Keys of jobs that this transaction inserted. It waits for a key that another transaction inserted but has not
-- committed; a key that exists yields no row. reserve_ref should prevent both.
-- @each refs unless taken ref_id
INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
VALUES (:ref_id, :job_id, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP()));
