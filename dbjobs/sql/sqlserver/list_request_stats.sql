-- Sums of the roll-ups of one month by name, largest first; it does not read the log itself. A pair of names is stored
-- once, so either of them may be the one asked for (:value) and the other one the answer. A range of one index: kinds,
-- then hours.
DECLARE @kind nvarchar(20) = :kind, @detail_kind nvarchar(20) = :detail_kind, @by_detail bit = :by_detail;
DECLARE @since datetime2(6) = :since, @until datetime2(6) = :until, @value nvarchar(510) = :value, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) label,
        SUM(requests) AS requests, SUM(errors) AS errors, SUM(request_bytes) AS request_bytes,
        MIN(request_bytes_min) AS request_bytes_min, MAX(request_bytes_max) AS request_bytes_max,
        SUM(response_bytes) AS response_bytes, SUM(duration_ms) AS duration_ms,
        MIN(duration_min) AS duration_min, MAX(duration_max) AS duration_max, SUM(under_ten_ms) AS under_ten_ms,
        SUM(under_fifty_ms) AS under_fifty_ms, SUM(under_hundred_ms) AS under_hundred_ms,
        SUM(under_half_second) AS under_half_second,
        SUM(under_one_second) AS under_one_second, SUM(under_two_seconds) AS under_two_seconds,
        SUM(under_five_seconds) AS under_five_seconds,
        SUM(under_half_minute) AS under_half_minute, SUM(slower) AS slower
    FROM (
        SELECT CASE WHEN @by_detail = 1 THEN s.detail ELSE s.name END AS label,
            CASE WHEN @by_detail = 1 THEN s.name ELSE s.detail END AS other,
            s.requests, s.errors, s.request_bytes, s.request_bytes_min, s.request_bytes_max, s.response_bytes,
            s.duration_ms, s.duration_min, s.duration_max, s.under_ten_ms, s.under_fifty_ms, s.under_hundred_ms,
            s.under_half_second,
            s.under_one_second, s.under_two_seconds, s.under_five_seconds, s.under_half_minute, s.slower
        FROM dbjobs.request_stat AS s WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_stat_key))
        WHERE s.kind = @kind AND s.detail_kind = @detail_kind AND s.hour >= @since AND s.hour < @until
    ) AS t
    WHERE @value IS NULL OR t.other = @value
    GROUP BY label
    ORDER BY SUM(requests) DESC, label
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
