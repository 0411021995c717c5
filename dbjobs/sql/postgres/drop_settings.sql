-- Forgets settings whose names lie between two others and that have stood unchanged for a time. By the primary key.
DELETE FROM dbjobs.setting
WHERE name >= :first AND name < :last
  AND changed_at <= clock_timestamp() - :seconds::double precision * interval '1 second';
