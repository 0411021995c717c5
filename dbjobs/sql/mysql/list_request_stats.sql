-- Sums of the roll-ups of one month by name, largest first; it does not read the log itself. A pair of names is stored
-- once, so either of them may be the one asked for (:value) and the other one the answer. The server sees that branches
-- which do not apply are impossible, and never enters them. All of them read by the primary key: kinds, hours, name,
-- detail.
--
-- * No :value: a range, kinds then hours.
-- * :value is the first name of the pair: the existing hours come from the roll-up 'day' (a row per hour, or per day
--   once it is folded), and each is a seek. Without them it would read every pair of the month to find those of one
--   name.
-- * :value is the second one: the same, with the first names of each hour, which have rows of their own.
SELECT * FROM (
    SELECT s.name AS label,
        CAST(SUM(s.requests) AS SIGNED) AS requests, CAST(SUM(s.errors) AS SIGNED) AS errors,
        CAST(SUM(s.request_bytes) AS SIGNED) AS request_bytes, MIN(s.request_bytes_min) AS request_bytes_min,
        MAX(s.request_bytes_max) AS request_bytes_max, CAST(SUM(s.response_bytes) AS SIGNED) AS response_bytes,
        SUM(s.duration_ms) AS duration_ms, MIN(s.duration_min) AS duration_min, MAX(s.duration_max) AS duration_max,
        CAST(SUM(s.under_ten_ms) AS SIGNED) AS under_ten_ms, CAST(SUM(s.under_fifty_ms) AS SIGNED) AS under_fifty_ms,
        CAST(SUM(s.under_hundred_ms) AS SIGNED) AS under_hundred_ms,
        CAST(SUM(s.under_half_second) AS SIGNED) AS under_half_second,
        CAST(SUM(s.under_one_second) AS SIGNED) AS under_one_second,
        CAST(SUM(s.under_two_seconds) AS SIGNED) AS under_two_seconds,
        CAST(SUM(s.under_five_seconds) AS SIGNED) AS under_five_seconds,
        CAST(SUM(s.under_half_minute) AS SIGNED) AS under_half_minute,
        CAST(SUM(s.slower) AS SIGNED) AS slower
    FROM dbjobs_request_stat s FORCE INDEX (PRIMARY)
    WHERE :value IS NULL
      AND s.month = :month AND s.kind = :kind AND s.detail_kind = :detail_kind AND s.hour >= :since AND s.hour < :until
    GROUP BY 1
    UNION ALL
    SELECT s.detail AS label,
        CAST(SUM(s.requests) AS SIGNED) AS requests, CAST(SUM(s.errors) AS SIGNED) AS errors,
        CAST(SUM(s.request_bytes) AS SIGNED) AS request_bytes, MIN(s.request_bytes_min) AS request_bytes_min,
        MAX(s.request_bytes_max) AS request_bytes_max, CAST(SUM(s.response_bytes) AS SIGNED) AS response_bytes,
        SUM(s.duration_ms) AS duration_ms, MIN(s.duration_min) AS duration_min, MAX(s.duration_max) AS duration_max,
        CAST(SUM(s.under_ten_ms) AS SIGNED) AS under_ten_ms, CAST(SUM(s.under_fifty_ms) AS SIGNED) AS under_fifty_ms,
        CAST(SUM(s.under_hundred_ms) AS SIGNED) AS under_hundred_ms,
        CAST(SUM(s.under_half_second) AS SIGNED) AS under_half_second,
        CAST(SUM(s.under_one_second) AS SIGNED) AS under_one_second,
        CAST(SUM(s.under_two_seconds) AS SIGNED) AS under_two_seconds,
        CAST(SUM(s.under_five_seconds) AS SIGNED) AS under_five_seconds,
        CAST(SUM(s.under_half_minute) AS SIGNED) AS under_half_minute,
        CAST(SUM(s.slower) AS SIGNED) AS slower
    FROM (
        SELECT DISTINCT hour
        FROM dbjobs_request_stat FORCE INDEX (PRIMARY)
        WHERE :value IS NOT NULL AND :by_detail
          AND month = :month AND kind = 'day' AND detail_kind = '' AND hour >= :since AND hour < :until
    ) h
    STRAIGHT_JOIN dbjobs_request_stat s FORCE INDEX (PRIMARY)
      ON s.month = :month AND s.kind = :kind AND s.detail_kind = :detail_kind AND s.hour = h.hour AND s.name = :value
    WHERE :value IS NOT NULL AND :by_detail
    GROUP BY 1
    UNION ALL
    SELECT s.name AS label,
        CAST(SUM(s.requests) AS SIGNED) AS requests, CAST(SUM(s.errors) AS SIGNED) AS errors,
        CAST(SUM(s.request_bytes) AS SIGNED) AS request_bytes, MIN(s.request_bytes_min) AS request_bytes_min,
        MAX(s.request_bytes_max) AS request_bytes_max, CAST(SUM(s.response_bytes) AS SIGNED) AS response_bytes,
        SUM(s.duration_ms) AS duration_ms, MIN(s.duration_min) AS duration_min, MAX(s.duration_max) AS duration_max,
        CAST(SUM(s.under_ten_ms) AS SIGNED) AS under_ten_ms, CAST(SUM(s.under_fifty_ms) AS SIGNED) AS under_fifty_ms,
        CAST(SUM(s.under_hundred_ms) AS SIGNED) AS under_hundred_ms,
        CAST(SUM(s.under_half_second) AS SIGNED) AS under_half_second,
        CAST(SUM(s.under_one_second) AS SIGNED) AS under_one_second,
        CAST(SUM(s.under_two_seconds) AS SIGNED) AS under_two_seconds,
        CAST(SUM(s.under_five_seconds) AS SIGNED) AS under_five_seconds,
        CAST(SUM(s.under_half_minute) AS SIGNED) AS under_half_minute,
        CAST(SUM(s.slower) AS SIGNED) AS slower
    FROM (
        SELECT DISTINCT hour, name
        FROM dbjobs_request_stat FORCE INDEX (PRIMARY)
        WHERE :value IS NOT NULL AND NOT :by_detail
          AND month = :month AND kind = :kind AND detail_kind = '' AND hour >= :since AND hour < :until
    ) h
    STRAIGHT_JOIN dbjobs_request_stat s FORCE INDEX (PRIMARY)
      ON s.month = :month AND s.kind = :kind AND s.detail_kind = :detail_kind AND s.hour = h.hour AND s.name = h.name
        AND s.detail = :value
    WHERE :value IS NOT NULL AND NOT :by_detail
    GROUP BY 1
) found
ORDER BY 2 DESC, 1
LIMIT :limit;
