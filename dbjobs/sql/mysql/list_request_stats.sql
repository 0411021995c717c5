-- Sums of the roll-ups of one month by name, largest first; the log itself is not read. A pair of names stands once, so
-- either of them may be the one asked for (:value) and the other one the answer. A range of the primary key: kinds,
-- then hours.
SELECT CASE WHEN :by_detail THEN detail ELSE name END AS label,
    CAST(SUM(requests) AS SIGNED) AS requests, CAST(SUM(errors) AS SIGNED) AS errors,
    CAST(SUM(request_bytes) AS SIGNED) AS request_bytes, MIN(request_bytes_min) AS request_bytes_min,
    MAX(request_bytes_max) AS request_bytes_max, CAST(SUM(response_bytes) AS SIGNED) AS response_bytes,
    SUM(duration_ms) AS duration_ms, MIN(duration_min) AS duration_min, MAX(duration_max) AS duration_max,
    CAST(SUM(under_ten_ms) AS SIGNED) AS under_ten_ms, CAST(SUM(under_fifty_ms) AS SIGNED) AS under_fifty_ms,
    CAST(SUM(under_hundred_ms) AS SIGNED) AS under_hundred_ms,
    CAST(SUM(under_half_second) AS SIGNED) AS under_half_second,
    CAST(SUM(under_one_second) AS SIGNED) AS under_one_second,
    CAST(SUM(under_two_seconds) AS SIGNED) AS under_two_seconds,
    CAST(SUM(under_five_seconds) AS SIGNED) AS under_five_seconds,
    CAST(SUM(under_half_minute) AS SIGNED) AS under_half_minute,
    CAST(SUM(slower) AS SIGNED) AS slower
FROM dbjobs_request_stat FORCE INDEX (PRIMARY)
WHERE month = :month AND kind = :kind AND detail_kind = :detail_kind AND hour >= :since AND hour < :until
  AND (:value IS NULL OR CASE WHEN :by_detail THEN name ELSE detail END = :value)
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT :limit;
