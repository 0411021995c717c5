-- How long the texts of the next rows are; read_background_job reads as many rows at once as fit.
SELECT id,
    COALESCE(LENGTH(request_body), 0) + COALESCE(LENGTH(response_body), 0) +
        COALESCE(LENGTH(error), 0) + COALESCE(LENGTH(errors), 0) + COALESCE(LENGTH(status), 0) +
        COALESCE(LENGTH(args), 0) + COALESCE(LENGTH(meta), 0) AS bytes
FROM dbjobs_background_job
WHERE id > :id
ORDER BY id
LIMIT :limit;
