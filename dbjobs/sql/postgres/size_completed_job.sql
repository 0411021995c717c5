-- How long the texts of the next rows are; read_completed_job reads as many rows at once as fit.
SELECT id,
    coalesce(octet_length(request_body::text), 0) + coalesce(octet_length(response_body::text), 0) +
        coalesce(octet_length(error::text), 0) + coalesce(octet_length(errors::text), 0) +
        coalesce(octet_length(status::text), 0) + coalesce(octet_length(args::text), 0) +
        coalesce(octet_length(meta::text), 0) AS bytes
FROM dbjobs.completed_job
WHERE created_at >= :since::timestamptz AND created_at < :until::timestamptz
  AND id > :id::bigint
ORDER BY id
LIMIT :limit::integer;
