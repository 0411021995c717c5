-- A page of the request log, newest first (keyset on the moment and the tie), of one month. A look reads at most :look
-- rows of the one index that :by names, and checks the other conditions row by row. Besides the matching rows it
-- returns the oldest row of the look, where the next look goes on, and how many rows the look had. The server sees that
-- the branches that :by does not name are impossible, and never enters them.
SELECT
    at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip, trace_id,
    request_bytes, response_bytes, error, fits, looked
FROM (
    SELECT s.*,
        COALESCE(
            (:method IS NULL OR method = :method)
            AND (:path IS NULL OR path = :path)
            AND (:route IS NULL OR route = :route)
            AND (:user_id IS NULL OR user_id = :user_id)
            AND (:api_key IS NULL OR api_key = :api_key)
            AND (:session_id IS NULL OR session_id = :session_id)
            AND (:ip IS NULL OR ip = :ip)
            AND (:trace_id IS NULL OR trace_id = :trace_id)
            AND status_code BETWEEN :status_from AND :status_to
            AND duration_ms >= :slow_ms
            AND (NOT :failed OR error IS NOT NULL),
            0
        ) AS fits,
        COUNT(*) OVER () AS looked, ROW_NUMBER() OVER (ORDER BY at, tie) AS place
    FROM (
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs_request_log FORCE INDEX (PRIMARY)
            WHERE :by = 'time' AND month = :month
              AND at >= :since AND at <= :before_at AND (at < :before_at OR tie < :before_tie)
            ORDER BY at DESC, tie DESC
            LIMIT :look
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs_request_log FORCE INDEX (request_log_route)
            WHERE :by = 'route' AND month = :month AND route = :route
              AND at >= :since AND at <= :before_at AND (at < :before_at OR tie < :before_tie)
            ORDER BY at DESC, tie DESC
            LIMIT :look
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs_request_log FORCE INDEX (request_log_user)
            WHERE :by = 'user_id' AND month = :month AND user_id = :user_id
              AND at >= :since AND at <= :before_at AND (at < :before_at OR tie < :before_tie)
            ORDER BY at DESC, tie DESC
            LIMIT :look
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs_request_log FORCE INDEX (request_log_ip)
            WHERE :by = 'ip' AND month = :month AND ip = :ip
              AND at >= :since AND at <= :before_at AND (at < :before_at OR tie < :before_tie)
            ORDER BY at DESC, tie DESC
            LIMIT :look
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs_request_log FORCE INDEX (request_log_status)
            WHERE :by = 'status' AND month = :month AND status_class = :status_class
              AND at >= :since AND at <= :before_at AND (at < :before_at OR tie < :before_tie)
            ORDER BY at DESC, tie DESC
            LIMIT :look
        )
    ) s
) judged
WHERE fits OR place = 1
ORDER BY at DESC, tie DESC
LIMIT :limit;
