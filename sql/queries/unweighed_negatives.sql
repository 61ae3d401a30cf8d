-- Empty answers that nobody has weighed.
-- known: bars of that series are stored where the answer had none, so that it speaks of the source; of a living contract,
-- and within its depth. settled: what it is about has settled since.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose answers, its contracts' included
-- $3 since timestamptz: not sent before
-- $4 depth interval: older slots are not known to be there
SELECT
    request.instrument_id,
    request.what_to_show,
    request.run_id,
    request.login,
    request.sent_at,
    request.answered_at,
    request.negatives,
    coalesce(coverage.settled @> request.negatives, false) AS settled,
    chain.expiration_date >= (request.sent_at AT TIME ZONE 'America/New_York')::date
    AND request.sent_at - lower(request.negatives) < $4::interval
    AND EXISTS (
        SELECT
        FROM store.option_bars_5min AS bar
        WHERE bar.contract_id = request.instrument_id
            AND bar.time >= lower(request.negatives)
            AND bar.time < upper(request.negatives)
            AND request.negatives @> bar.time
            AND CASE request.what_to_show
                WHEN 'BID' THEN bar.bid_close
                WHEN 'ASK' THEN bar.ask_close
                ELSE bar.close
            END IS NOT NULL
    ) AS known
FROM requests AS request
LEFT JOIN option_chains AS chain ON chain.id = request.instrument_id
LEFT JOIN request_coverage AS coverage USING (instrument_id, data_set, what_to_show)
WHERE request.data_set = $1::smallint
    AND request.sent_at >= $3::timestamptz
    AND request.negatives IS NOT NULL
    AND request.controlled IS NULL
    AND request.instrument_id IN (
        SELECT id FROM option_chains WHERE underlying_id = $2::integer
        UNION ALL
        SELECT -$2::integer
    )
ORDER BY request.sent_at
