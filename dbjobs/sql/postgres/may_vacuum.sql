-- May this role vacuum the live tables, and how far back does an old snapshot hold their dead rows?
--
-- * `place` is where transactions are now; `held_back` is how many of them the oldest snapshot in this database, or a
--   replication slot, or a prepared transaction still keeps dead rows for. Every role sees backend_xmin.
-- * Autovacuum's own snapshots hold nothing back. MAINTAIN is a privilege since PostgreSQL 17; before, the owner may.
SELECT
    pg_has_role(c.relowner, 'USAGE')
    OR CASE
        WHEN current_setting('server_version_num')::integer >= 170000 THEN has_table_privilege(c.oid, 'MAINTAIN')
        ELSE false
    END AS allowed,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS place,
    greatest(
        (
            SELECT max(age(a.backend_xmin))
            FROM pg_stat_activity a
            WHERE a.backend_xmin IS NOT NULL
              AND a.pid <> pg_backend_pid()
              AND a.backend_type <> 'autovacuum worker'
              AND (a.datname = current_database() OR a.datname IS NULL)
        ),
        (SELECT max(age(s.xmin)) FROM pg_replication_slots s WHERE s.xmin IS NOT NULL),
        (SELECT max(age(p.transaction)) FROM pg_prepared_xacts p WHERE p.database = current_database()),
        0
    )::bigint AS held_back
FROM pg_class c
WHERE c.oid = 'dbjobs.background_job'::regclass;
