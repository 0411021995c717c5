-- When the very first count begins, seconds since 1970; NULL if there is none. The primary key's first entry.
SELECT TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', MIN(minute)) AS seconds FROM dbjobs_job_stat;
