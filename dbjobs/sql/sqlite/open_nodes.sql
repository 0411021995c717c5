-- Run on every connection to the file of the nodes' leases, which has a log of its own: a lease must not wait for the
-- file of the jobs.
PRAGMA journal_mode = WAL;
-- A power failure ends every node anyway: what it may cost are the last moments of their leases, never the file.
PRAGMA synchronous = NORMAL;
-- Small for good: once grown to this it is written over, which needs no room on a disk that is full.
PRAGMA wal_autocheckpoint = 32;
PRAGMA temp_store = MEMORY;
