-- How many of the staged option bars are stored with other values.
SELECT count(*) AS bars
FROM stage_restored_option_bars AS staged
INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = staged.contract_id AND bar.time = staged.time
WHERE ROW(staged.*) IS DISTINCT FROM ROW(bar.*)
