-- find_parents on a caller's connection, for what the caller's own transaction has inserted, and so is live: without locks
-- at any isolation level (see find_own_refs). All others are found on a connection of our own.
HANDLER dbjobs_background_job OPEN AS dbjobs_look;

-- @each ids as seen
HANDLER dbjobs_look READ `PRIMARY` = (:value);

HANDLER dbjobs_look CLOSE;

-- @if seen
SELECT id, NULL AS state FROM JSON_TABLE(JSON_ARRAY(:seen.id), '$[*]' COLUMNS (id BIGINT PATH '$')) AS seen;
