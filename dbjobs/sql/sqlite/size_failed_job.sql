-- How long the texts of the next rows are; read_failed_job reads as many rows at once as fit.
-- @as place
SELECT :month AS month;

-- @months in place
SELECT id,
    coalesce(length(request_body), 0) + coalesce(length(response_body), 0) +
        coalesce(length(error), 0) + coalesce(length(errors), 0) + coalesce(length(status), 0) +
        coalesce(length(args), 0) + coalesce(length(meta), 0) AS bytes
FROM failed_job
WHERE id > :id
ORDER BY id
LIMIT :limit;
