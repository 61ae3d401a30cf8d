-- Note that what runs brought is counted.
-- $1 run_ids integer[]
UPDATE intraday_collection_runs
SET progress = coalesce(progress, '{}') || '{"counted": true}'
WHERE id = ANY($1::integer[])
