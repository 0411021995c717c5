-- How did these jobs end? Jobs that have not ended, and unknown ones, yield no row.
SELECT id, state FROM dbjobs.completed_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]);
