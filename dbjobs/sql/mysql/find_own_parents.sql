-- find_parents on a caller's connection, for jobs that the caller's own transaction inserted, which are live: without
-- locks at any isolation level (see find_own_refs). All others are found on our own connection.
HANDLER dbjobs_background_job OPEN AS dbjobs_look;

-- @each ids as seen
HANDLER dbjobs_look READ `PRIMARY` = (:value);

HANDLER dbjobs_look CLOSE;

-- @if seen
SELECT id, NULL AS state FROM JSON_TABLE(JSON_ARRAY(:seen.id), '$[*]' COLUMNS (id BIGINT PATH '$')) AS seen;
