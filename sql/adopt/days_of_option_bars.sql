-- The days on which the earlier system has bars.
SELECT DISTINCT date_trunc('day', time, 'UTC')::timestamptz AS day
FROM earlier_system.option_bars_5min
ORDER BY 1
