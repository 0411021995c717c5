-- The request log has no table here: each of its months has its own file (make_request_month).
SELECT 1 AS n
WHERE 0;
