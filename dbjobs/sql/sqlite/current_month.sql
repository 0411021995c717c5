SELECT strftime('%Y%m', 'now') AS month;
