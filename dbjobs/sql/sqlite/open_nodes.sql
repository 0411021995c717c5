-- Run on every connection to the file of the nodes' leases, which has its own log: a lease must not wait for the jobs
-- file.
PRAGMA journal_mode = WAL;
-- A power failure ends every node anyway: it may cost the last moments of their leases, never the file.
PRAGMA synchronous = NORMAL;
-- Always small: at this size it is overwritten, which needs no room on a full disk.
PRAGMA wal_autocheckpoint = 32;
PRAGMA temp_store = MEMORY;
