-- Deletes settings with names between two others that have not changed for a time. By the primary key.
DELETE FROM dbjobs_setting
WHERE name >= :first AND name < :last
  AND changed_at <= UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND;
