-- Slots of refused bars that have a value all the same.
-- $1 data_set_id smallint
SELECT staged.instrument_id, staged.what_to_show, bar.time
FROM stage_coverage AS staged
INNER JOIN store.{bars} AS bar
    ON bar.underlying_id = -staged.instrument_id
    AND bar.time >= lower(staged.refused)
    AND bar.time < upper(staged.refused)
    AND staged.refused @> bar.time
WHERE staged.data_set = $1::smallint
    AND CASE staged.what_to_show WHEN 'TRADES' THEN bar.close WHEN '{series}' THEN bar.{column} END IS NOT NULL
