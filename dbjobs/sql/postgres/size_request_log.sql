-- How long the texts of the next rows are; read_request_log reads as many rows at once as fit.
SELECT tie,
    coalesce(octet_length(path::text), 0) + coalesce(octet_length(query::text), 0) +
        coalesce(octet_length(error::text), 0) + coalesce(octet_length(meta::text), 0) AS bytes
FROM dbjobs.request_log
WHERE at >= :since::timestamptz AND at < :until::timestamptz
  AND (at, tie) > (:at::timestamptz, :tie::bigint)
ORDER BY at, tie
LIMIT :limit::integer;
