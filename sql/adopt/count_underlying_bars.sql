-- How many rows of underlyings' bars the earlier system had, in how many slots, and how many have been adopted.
SELECT
    (SELECT count(*) FROM earlier_system.underlying_bars_5min) AS rows,
    (SELECT count(*) FROM (SELECT DISTINCT underlying_id, time FROM earlier_system.underlying_bars_5min) AS slot) AS earlier,
    (SELECT count(*) FROM store.underlying_bars_5min) AS adopted
