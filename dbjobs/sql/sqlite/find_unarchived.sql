-- The months for which this file still holds rows.
--
-- One pass over the rows per month, and one more: nearly always there is one month. It compares the texts as they are,
-- because computing the month of every row took as long as copying a tenth of them. '~' comes after every digit.
WITH RECURSIVE found (first) AS (
    SELECT min(
        coalesce((SELECT min(created_at) FROM dbjobs_finished_job), '~'),
        coalesce((SELECT min(job_created_at) FROM dbjobs_job_log), '~'),
        coalesce((SELECT min(created_at) FROM dbjobs_requeued_job), '~')
    )
    UNION ALL
    SELECT min(
        coalesce((SELECT min(created_at) FROM dbjobs_finished_job WHERE created_at > substr(first, 1, 7) || '~'), '~'),
        coalesce((SELECT min(job_created_at) FROM dbjobs_job_log WHERE job_created_at > substr(first, 1, 7) || '~'), '~'),
        coalesce((SELECT min(created_at) FROM dbjobs_requeued_job WHERE created_at > substr(first, 1, 7) || '~'), '~')
    )
    FROM found
    WHERE first < '~'
)
SELECT substr(first, 1, 4) || substr(first, 6, 2) AS month FROM found WHERE first < '~';
