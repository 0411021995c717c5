SELECT pg_notify(:channel, notice) AS noticed FROM unnest(:notices::text[]) AS n (notice);
