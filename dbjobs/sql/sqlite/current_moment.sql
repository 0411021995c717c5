-- The clock of this machine, UTC, as text.
SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now') AS moment;
