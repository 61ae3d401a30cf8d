-- Slots of refused bars that have a value all the same.
-- $1 instrument_ids integer[]: of series that refuse bars
-- $2 series text[]
-- $3 refused text[]: the slots of each, as multiranges
SELECT staged.instrument_id, staged.what_to_show, bar.time
FROM unnest($1::integer[], $2::text[], $3::text[]::tstzmultirange[])
    AS staged (instrument_id, what_to_show, refused)
INNER JOIN store.{bars} AS bar
    ON bar.underlying_id = -staged.instrument_id
    AND bar.time >= lower(staged.refused)
    AND bar.time < upper(staged.refused)
    AND staged.refused @> bar.time
WHERE CASE staged.what_to_show WHEN 'TRADES' THEN bar.close WHEN '{series}' THEN bar.{column} END IS NOT NULL
