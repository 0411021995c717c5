-- The same in our own short transaction: from here to its end nobody else inserts this key.
SELECT GET_LOCK(CONCAT('ref ', SHA2(CONCAT(CONVERT(DATABASE() USING utf8mb4), '.dbjobs_', :ref_id), 224)), 5) AS held;
