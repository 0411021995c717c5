-- How long the texts of the next rows are; read_request_log reads as many rows at once as fit.
SELECT tie,
    COALESCE(LENGTH(path), 0) + COALESCE(LENGTH(query), 0) + COALESCE(LENGTH(error), 0) +
        COALESCE(LENGTH(meta), 0) AS bytes
FROM dbjobs_request_log
WHERE month = CAST(:month AS SIGNED) AND at >= :at
  AND (at > :at OR tie > :tie)
ORDER BY at, tie
LIMIT :limit;
