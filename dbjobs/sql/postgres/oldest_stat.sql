-- When the very first count begins, seconds since 1970; NULL if there is none. The primary key's first entry.
SELECT extract(epoch FROM min(minute))::double precision AS seconds FROM dbjobs.job_stat;
