-- Sums of the roll-ups of one month by name, largest first; it does not read the log itself. A pair of names is stored
-- once, so either of them may be the one asked for (:value) and the other one the answer. A range of the primary key:
-- kinds, then hours.
SELECT CASE WHEN :by_detail::boolean THEN detail ELSE name END AS label,
    sum(requests)::bigint AS requests, sum(errors)::bigint AS errors,
    sum(request_bytes)::bigint AS request_bytes, min(request_bytes_min) AS request_bytes_min,
    max(request_bytes_max) AS request_bytes_max, sum(response_bytes)::bigint AS response_bytes,
    sum(duration_ms) AS duration_ms, min(duration_min) AS duration_min, max(duration_max) AS duration_max,
    sum(under_ten_ms)::bigint AS under_ten_ms, sum(under_fifty_ms)::bigint AS under_fifty_ms,
    sum(under_hundred_ms)::bigint AS under_hundred_ms,
    sum(under_half_second)::bigint AS under_half_second, sum(under_one_second)::bigint AS under_one_second,
    sum(under_two_seconds)::bigint AS under_two_seconds, sum(under_five_seconds)::bigint AS under_five_seconds,
    sum(under_half_minute)::bigint AS under_half_minute, sum(slower)::bigint AS slower
FROM dbjobs.request_stat
WHERE kind = :kind AND detail_kind = :detail_kind
  AND hour >= (:since::text || '+00')::timestamptz AND hour < (:until::text || '+00')::timestamptz
  AND (:value::text IS NULL OR CASE WHEN :by_detail::boolean THEN name ELSE detail END = :value)
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT :limit::integer;
