-- find_refs on a caller's connection, for keys that the caller's own transaction inserted, at any isolation level.
-- HANDLER reads without locks even under SERIALIZABLE, where a SELECT would lock the gap of a missing key. Under
-- READ UNCOMMITTED it also sees uncommitted keys of others: only a key that we can lock at once is real, and that lock
-- is on existing keys, which nobody else has to lock.
HANDLER dbjobs_job_ref OPEN AS dbjobs_look;

-- @each ref_ids as seen
HANDLER dbjobs_look READ `PRIMARY` = (:value);

HANDLER dbjobs_look CLOSE;

-- @if seen
SELECT ref_id, job_id
FROM dbjobs_job_ref
WHERE ref_id IN (:seen.ref_id)
/*!80001 FOR SHARE SKIP LOCKED */ /*M!100600 LOCK IN SHARE MODE SKIP LOCKED */;
