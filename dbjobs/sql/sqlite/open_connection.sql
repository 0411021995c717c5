-- Run on every connection of ours, before anything else.
PRAGMA journal_mode = WAL;
-- A commit that returned has reached the disk.
PRAGMA synchronous = FULL;
-- Pages in the log before they are moved into the file: larger than the default, for fewer flushes of the
-- file.
PRAGMA wal_autocheckpoint = 4000;
-- A log that grew behind a long reader is cut back.
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -16000;
PRAGMA temp_store = MEMORY;
