-- How did these jobs end? Jobs that have not ended, and unknown ones, yield no row.
SELECT id, state FROM dbjobs_completed_job WHERE id IN (:ids)
UNION ALL
SELECT id, state FROM dbjobs_failed_job WHERE id IN (:ids);
