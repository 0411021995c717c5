-- Forgets settings whose names lie between two others and that have stood unchanged for a time. By the primary key.
DELETE FROM dbjobs_setting
WHERE name >= :first AND name < :last
  AND changed_at <= strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds');
