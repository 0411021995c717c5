-- Removes dead rows of the live tables. Autovacuum looks at them once a minute, whatever its thresholds are, and in a
-- minute a busy queue leaves a hundred thousand. Not in a transaction. SKIP_LOCKED: one session at a time, the others
-- pass the table by, and nothing is waited for. Without TRUNCATE: that alone would take a lock that jobs wait for.
VACUUM (SKIP_LOCKED, TRUNCATE false)
    dbjobs.background_job, dbjobs.job_worker, dbjobs.job_dependency, dbjobs.ended_parent, dbjobs.job_batch,
    dbjobs.job_stat;
