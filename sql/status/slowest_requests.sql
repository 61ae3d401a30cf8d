-- The slowest requests of the last ten runs (ten of each are noted), from sending to their end.
SELECT
    run.id,
    run.run_date,
    run.run_type,
    (request.value ->> 'seconds')::numeric AS seconds,
    request.value ->> 'contract' AS contract,
    request.value ->> 'series' AS series,
    request.value ->> 'outcome' AS outcome
FROM (SELECT * FROM intraday_collection_runs ORDER BY id DESC LIMIT 10) AS run,
    LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(run.progress -> 'slowest') = 'array' THEN run.progress -> 'slowest' ELSE '[]' END
    ) AS request
ORDER BY seconds DESC
LIMIT 20;
