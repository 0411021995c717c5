-- Removes dead rows of the live tables. Autovacuum looks at them only once a minute, whatever its thresholds, and in a
-- minute a busy queue leaves a hundred thousand. Not in a transaction. SKIP_LOCKED: one session at a time, the others
-- skip the table and do not wait. Without TRUNCATE: that alone would take a lock that jobs wait for.
VACUUM (SKIP_LOCKED, TRUNCATE false)
    dbjobs.background_job, dbjobs.job_worker, dbjobs.job_dependency, dbjobs.ended_parent, dbjobs.job_batch,
    dbjobs.job_stat;
