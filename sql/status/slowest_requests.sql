-- The slowest requests of the last ten runs, from sending to their end, by the source's clock: a second too much at most.
WITH run AS MATERIALIZED (
    SELECT id, run_date, run_type, started_at
    FROM intraday_collection_runs
    ORDER BY id DESC
    LIMIT 10
)
SELECT
    run.id,
    run.run_date,
    run.run_type,
    round(extract(EPOCH FROM request.answered_at - request.sent_at), 3) AS seconds,
    coalesce(chain.contract_symbol, own.symbol) AS contract,
    request.what_to_show AS series,
    request.outcome
FROM requests AS request
INNER JOIN run ON run.id = request.run_id
LEFT JOIN option_chains AS chain ON chain.id = request.instrument_id
LEFT JOIN underlying_securities AS own ON own.id = -request.instrument_id
WHERE
    -- A bound for the chunks; the source's clock may differ from ours.
    request.sent_at > (SELECT min(started_at) FROM run) - INTERVAL '1 day'
    AND request.answered_at IS NOT NULL
ORDER BY seconds DESC
LIMIT 20;
