-- Deletes rows that this transaction inserted, because their ref_id turned out to be taken.
DELETE FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[]);
