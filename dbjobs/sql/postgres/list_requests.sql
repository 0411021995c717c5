-- A page of the request log, newest first (keyset on the moment and the tie), of one month. A look reads at most :look
-- rows of the one index that :by names, and checks the other conditions row by row. Besides the matching rows it
-- returns the oldest row of the look, where the next look goes on, and how many rows the look had. It never enters the
-- branches that :by does not name (a one-time filter).
WITH slice AS MATERIALIZED (
    SELECT * FROM (
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs.request_log
            WHERE :by::text = 'time'
              AND at >= (:since::text || '+00')::timestamptz AND at <= (:before_at::text || '+00')::timestamptz
              AND (at < (:before_at::text || '+00')::timestamptz OR tie < :before_tie::bigint)
            ORDER BY at DESC, tie DESC
            LIMIT :look::integer
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs.request_log
            WHERE :by::text = 'route' AND route = :route::text
              AND at >= (:since::text || '+00')::timestamptz AND at <= (:before_at::text || '+00')::timestamptz
              AND (at < (:before_at::text || '+00')::timestamptz OR tie < :before_tie::bigint)
            ORDER BY at DESC, tie DESC
            LIMIT :look::integer
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs.request_log
            WHERE :by::text = 'user_id' AND user_id = :user_id::text
              AND at >= (:since::text || '+00')::timestamptz AND at <= (:before_at::text || '+00')::timestamptz
              AND (at < (:before_at::text || '+00')::timestamptz OR tie < :before_tie::bigint)
            ORDER BY at DESC, tie DESC
            LIMIT :look::integer
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs.request_log
            WHERE :by::text = 'ip' AND ip = :ip::text
              AND at >= (:since::text || '+00')::timestamptz AND at <= (:before_at::text || '+00')::timestamptz
              AND (at < (:before_at::text || '+00')::timestamptz OR tie < :before_tie::bigint)
            ORDER BY at DESC, tie DESC
            LIMIT :look::integer
        )
        UNION ALL
        (
            SELECT
                at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip,
                trace_id, request_bytes, response_bytes, error
            FROM dbjobs.request_log
            WHERE :by::text = 'status' AND status_class = :status_class::integer
              AND at >= (:since::text || '+00')::timestamptz AND at <= (:before_at::text || '+00')::timestamptz
              AND (at < (:before_at::text || '+00')::timestamptz OR tie < :before_tie::bigint)
            ORDER BY at DESC, tie DESC
            LIMIT :look::integer
        )
    ) s
), judged AS (
    SELECT *,
        coalesce(
            (:method::text IS NULL OR method = :method::text)
            AND (:path::text IS NULL OR path = :path::text)
            AND (:route::text IS NULL OR route = :route::text)
            AND (:user_id::text IS NULL OR user_id = :user_id::text)
            AND (:api_key::text IS NULL OR api_key = :api_key::text)
            AND (:session_id::text IS NULL OR session_id = :session_id::text)
            AND (:ip::text IS NULL OR ip = :ip::text)
            AND (:trace_id::text IS NULL OR trace_id = :trace_id::text)
            AND status_code BETWEEN :status_from::integer AND :status_to::integer
            AND duration_ms >= :slow_ms::double precision
            AND (NOT :failed::boolean OR error IS NOT NULL),
            false
        ) AS fits,
        count(*) OVER () AS looked, row_number() OVER (ORDER BY at, tie) AS place
    FROM slice
)
SELECT
    at, tie, method, path, query, route, status_code, duration_ms, user_id, api_key, session_id, ip, trace_id,
    request_bytes, response_bytes, error, fits, looked
FROM judged
WHERE fits OR place = 1
ORDER BY at DESC, tie DESC
LIMIT :limit::integer;
