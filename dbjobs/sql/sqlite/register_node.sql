-- The id is the time in milliseconds, or the next free number: a new id is larger than all before it, even after the
-- file was removed, so that jobs of a node that died long ago are never taken for a new one's.
-- @nodes
INSERT INTO dbjobs_job_node (id, name, lease_expires_at, info)
SELECT max(
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
        (SELECT coalesce(max(id), 0) + 1 FROM dbjobs_job_node)
    ),
    :name, strftime('%Y-%m-%d %H:%M:%f', 'now', :lease_seconds || ' seconds'), :info;

-- @nodes
SELECT last_insert_rowid() AS id;
