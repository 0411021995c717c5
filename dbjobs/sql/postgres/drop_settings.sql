-- Deletes settings with names between two others that have not changed for a time. By the primary key.
DELETE FROM dbjobs.setting
WHERE name >= :first AND name < :last
  AND changed_at <= clock_timestamp() - :seconds::double precision * interval '1 second';
