-- How many slots with bars the earlier system had, and how many have been adopted.
SELECT
    (SELECT count(*) FROM (SELECT DISTINCT contract_id, time FROM earlier_system.option_bars_5min) AS slot) AS earlier,
    (SELECT count(*) FROM store.option_bars_5min) AS adopted
