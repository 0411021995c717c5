-- How did these jobs end? Jobs that have not ended, and unknown ones, yield no row. For {share} see find_refs.
(SELECT id, state FROM dbjobs_completed_job WHERE id IN (:ids) {share})
UNION ALL
(SELECT id, state FROM dbjobs_failed_job WHERE id IN (:ids) {share});
