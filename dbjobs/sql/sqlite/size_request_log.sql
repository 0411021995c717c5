-- How long the texts of the next rows are; read_request_log reads as many rows at once as fit.
-- @requests
SELECT tie,
    coalesce(length(path), 0) + coalesce(length(query), 0) + coalesce(length(error), 0) +
        coalesce(length(meta), 0) AS bytes
FROM request_log
WHERE (at, tie) > (:at, :tie)
ORDER BY at, tie
LIMIT :limit;
