-- When the very first count begins, seconds since 1970; NULL if there is none. The primary key's first entry.
SELECT unixepoch(min(minute)) AS seconds FROM dbjobs_job_stat;
