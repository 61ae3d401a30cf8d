-- How many rows of option bars the earlier system had, in how many slots, and how many slots have been adopted.
SELECT
    (SELECT count(*) FROM earlier_system.option_bars_5min) AS rows,
    (SELECT count(*) FROM (SELECT DISTINCT contract_id, time FROM earlier_system.option_bars_5min) AS slot) AS earlier,
    (SELECT count(*) FROM store.option_bars_5min) AS adopted
