-- Failed and cancelled jobs of one month, for a transfer: the page after a key (id).
-- @as place
SELECT :month AS month;

-- @months in place
SELECT *
FROM failed_job
WHERE id > :id
ORDER BY id
LIMIT :limit;
