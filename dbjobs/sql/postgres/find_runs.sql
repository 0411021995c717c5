-- How did these jobs end, and how long did they run? For lists of runs: like find_ends, with one more column.
SELECT id, state, duration_ms FROM dbjobs.completed_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state, duration_ms FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]);
