-- Ids for rows inserted by COPY, which returns none.
SELECT nextval('dbjobs.background_job_id_seq') AS id
FROM generate_series(1, :count::integer);
