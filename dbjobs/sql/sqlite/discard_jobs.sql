-- Deletes rows that this transaction inserted, because their ref_id turned out to be taken.
DELETE FROM dbjobs_background_job WHERE id IN (SELECT value FROM json_each(:ids));
