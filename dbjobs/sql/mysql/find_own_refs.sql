-- find_refs on a caller's connection, for what the caller's own transaction has inserted, at any isolation level.
-- HANDLER reads without locks even under SERIALIZABLE, where a SELECT would lock the gap in which the key is not. Under
-- READ UNCOMMITTED it also sees what others have not committed: only what can be locked at once is true, and that lock
-- is on keys that are there, which nobody else has to lock.
HANDLER dbjobs_job_ref OPEN AS dbjobs_look;

-- @each ref_ids as seen
HANDLER dbjobs_look READ `PRIMARY` = (:value);

HANDLER dbjobs_look CLOSE;

-- @if seen
SELECT ref_id, job_id
FROM dbjobs_job_ref
WHERE ref_id IN (:seen.ref_id)
/*!80001 FOR SHARE SKIP LOCKED */ /*M!100600 LOCK IN SHARE MODE SKIP LOCKED */;
