-- Sums of the roll-ups of one month by name, largest first; it does not read the log itself. A pair of names is stored
-- once, so either of them may be the one asked for (:value) and the other one the answer. A range of the primary key:
-- kinds, then hours.
-- @requests
SELECT CASE WHEN :by_detail THEN detail ELSE name END AS label,
    sum(requests) AS requests, sum(errors) AS errors, sum(request_bytes) AS request_bytes,
    min(request_bytes_min) AS request_bytes_min, max(request_bytes_max) AS request_bytes_max,
    sum(response_bytes) AS response_bytes, sum(duration_ms) AS duration_ms, min(duration_min) AS duration_min,
    max(duration_max) AS duration_max, sum(under_ten_ms) AS under_ten_ms, sum(under_fifty_ms) AS under_fifty_ms,
    sum(under_hundred_ms) AS under_hundred_ms, sum(under_half_second) AS under_half_second,
    sum(under_one_second) AS under_one_second,
    sum(under_two_seconds) AS under_two_seconds, sum(under_five_seconds) AS under_five_seconds,
    sum(under_half_minute) AS under_half_minute,
    sum(slower) AS slower
FROM request_stat
WHERE kind = :kind AND detail_kind = :detail_kind AND hour >= :since AND hour < :until
  AND (:value IS NULL OR CASE WHEN :by_detail THEN name ELSE detail END = :value)
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT :limit;
