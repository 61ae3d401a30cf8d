-- How many of the staged bars of an underlying are stored with other values.
-- $1 underlying_id integer: as it is numbered here
SELECT count(*) AS bars
FROM stage_restored_{bars} AS staged
INNER JOIN store.{bars} AS bar ON bar.underlying_id = $1::integer AND bar.time = staged.time
WHERE to_jsonb(staged) - 'underlying_id' IS DISTINCT FROM to_jsonb(bar) - 'underlying_id'
