-- When the very first count begins, seconds since 1970; NULL if there is none. The primary key's first entry.
SELECT DATEDIFF_BIG(second, '1970-01-01', MIN(minute)) AS seconds
FROM dbjobs.job_stat WITH (READPAST, READCOMMITTEDLOCK);
