-- The New York days on which the earlier system has rows of underlyings.
SELECT DISTINCT (time AT TIME ZONE 'America/New_York')::date AS day
FROM earlier_system.stock_data_ticks
ORDER BY 1
