UPDATE dbjobs.background_job j
SET progress = coalesce(p.progress, j.progress), status = coalesce(p.status, j.status), last_activity_at = now()
FROM unnest(
    :reports.id::bigint[], :reports.attempt::integer[], :reports.progress::double precision[], :reports.status::text[]
) AS p (id, attempt, progress, status)
WHERE j.id = ANY (:reports.id::bigint[])
  AND j.id = p.id
  AND j.attempt = p.attempt
  AND j.node_id IS NOT DISTINCT FROM :node_id;
