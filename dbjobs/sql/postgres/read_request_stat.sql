-- Sums of one month's requests, for a transfer: the page after a key (kind, detail_kind, hour, name, detail, counter).
SELECT kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms, under_half_second, under_one_second, under_two_seconds, under_five_seconds,
    under_half_minute, slower, folded
FROM dbjobs.request_stat
WHERE hour >= :since::timestamptz AND hour < :until::timestamptz
  AND (kind, detail_kind, hour, name, detail, counter)
    > (:kind::text, :detail_kind::text, :hour::timestamptz, :name::text, :detail::text, :counter::bigint)
ORDER BY kind, detail_kind, hour, name, detail, counter
LIMIT :limit::integer;
