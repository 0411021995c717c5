-- One whole request, by its moment (which tells the month) and its tie.
DECLARE @at datetime2(6) = :at, @tie bigint = :tie;
SELECT (
    SELECT
        at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
        trace_id, request_bytes, response_bytes, error, meta
    FROM dbjobs.request_log WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_log_pkey))
    WHERE at = @at AND tie = @tie
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
