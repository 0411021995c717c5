-- The request log has no table here: each of its months is a file of its own (make_request_month).
SELECT 1 AS n
WHERE 0;
