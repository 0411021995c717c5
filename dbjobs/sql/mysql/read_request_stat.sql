-- Sums of one month's requests, for a transfer: the page after a key (kind, detail_kind, hour, name, detail, counter).
SELECT kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms, under_half_second, under_one_second, under_two_seconds, under_five_seconds,
    under_half_minute, slower, folded
FROM dbjobs_request_stat
WHERE month = CAST(:month AS SIGNED) AND kind >= :kind
  AND (
      kind > :kind
      OR (kind = :kind AND detail_kind > :detail_kind)
      OR (kind = :kind AND detail_kind = :detail_kind AND hour > :hour)
      OR (kind = :kind AND detail_kind = :detail_kind AND hour = :hour AND name > :name)
      OR (kind = :kind AND detail_kind = :detail_kind AND hour = :hour AND name = :name AND detail > :detail)
      OR (kind = :kind AND detail_kind = :detail_kind AND hour = :hour AND name = :name AND detail = :detail
          AND counter > :counter)
  )
ORDER BY kind, detail_kind, hour, name, detail, counter
LIMIT :limit;
