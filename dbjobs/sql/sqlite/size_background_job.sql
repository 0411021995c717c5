-- How long the texts of the next rows are; read_background_job reads as many rows at once as fit.
SELECT id,
    coalesce(length(request_body), 0) + coalesce(length(response_body), 0) +
        coalesce(length(error), 0) + coalesce(length(errors), 0) + coalesce(length(status), 0) +
        coalesce(length(args), 0) + coalesce(length(meta), 0) AS bytes
FROM dbjobs_background_job
WHERE id > :id
ORDER BY id
LIMIT :limit;
