-- One row per running process. In its own file beside the jobs' (its name ends in "-nodes"), made when missing: that
-- way leases are renewed while somebody else holds the write lock of the jobs' file, for whatever reason and however
-- long. Removing it while nothing runs loses nothing: jobs and lanes of a node without a row are found and taken over.
CREATE TABLE IF NOT EXISTS dbjobs_job_node (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    last_seen_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    lease_expires_at TEXT NOT NULL,
    info TEXT NOT NULL,
    buried INTEGER NOT NULL DEFAULT 0
) STRICT;
