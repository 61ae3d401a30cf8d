-- Show the slots in which something traded: earlier readers take a day's last row for its last trade.
CREATE VIEW compat.option_bars_5min AS
SELECT * FROM public.option_bars_5min
WHERE close IS NOT NULL;

COMMENT ON VIEW compat.option_bars_5min IS
'public.option_bars_5min without the slots in which nothing traded, so that the last row of a day is its last trade.'
