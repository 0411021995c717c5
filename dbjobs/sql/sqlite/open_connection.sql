-- Run on each of our connections, before anything else.
PRAGMA journal_mode = WAL;
-- A commit that returned has reached the disk.
PRAGMA synchronous = FULL;
-- Cuts back a log that grew behind a long reader.
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -16000;
PRAGMA temp_store = MEMORY;
