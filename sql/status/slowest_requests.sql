-- The slowest requests of the last ten runs, as their progress noted them.
SELECT
    run.id,
    run.run_date,
    run.run_type,
    (request.value ->> 0)::numeric AS seconds,
    request.value ->> 1 AS asked
FROM (SELECT * FROM intraday_collection_runs ORDER BY id DESC LIMIT 10) AS run,
    LATERAL jsonb_array_elements(
        CASE WHEN jsonb_typeof(run.progress -> 'slowest') = 'array' THEN run.progress -> 'slowest' ELSE '[]' END
    ) AS request
ORDER BY seconds DESC
LIMIT 20;
