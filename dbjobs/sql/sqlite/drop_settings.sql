-- Deletes settings with names between two others that have not changed for a time. By the primary key.
DELETE FROM dbjobs_setting
WHERE name >= :first AND name < :last
  AND changed_at <= strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds');
