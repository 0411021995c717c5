-- One whole request, by its moment (which tells the month) and its tie.
SELECT
    at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip, trace_id,
    request_bytes, response_bytes, error, meta
FROM dbjobs.request_log
WHERE at = (:at::text || '+00')::timestamptz AND tie = :tie;
