-- What contracts of expirations were asked for after they had expired, and how that is to be read.
-- known: stored bars of just that series lie in the span, last_known the latest.
-- controlled: answers with bars of the same series of living contracts came within the minute before and after.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 expirations date[]
WITH asked AS MATERIALIZED (
    SELECT
        chain.expiration_date,
        request.instrument_id,
        request.what_to_show,
        request.span,
        request.sent_at,
        coalesce(request.answered_at, request.sent_at) AS answered_at,
        request.outcome,
        request.code,
        request.message,
        request.bars
    FROM option_chains AS chain
    INNER JOIN requests AS request ON request.instrument_id = chain.id AND request.data_set = $1::smallint
    WHERE chain.underlying_id = $2::integer
        AND chain.expiration_date = ANY($3::date[])
        AND request.sent_at >= (chain.expiration_date + 1)::timestamp AT TIME ZONE 'America/New_York'
)
SELECT
    asked.expiration_date,
    asked.instrument_id AS contract_id,
    asked.what_to_show,
    asked.sent_at,
    asked.outcome,
    asked.code,
    asked.message,
    asked.bars,
    known.last_known,
    asked.bars = 0 AND count(answer.*) FILTER (
        WHERE answer.answered_at BETWEEN asked.sent_at - INTERVAL '1 minute' AND asked.answered_at
    ) > 0 AND count(answer.*) FILTER (
        WHERE answer.answered_at BETWEEN asked.answered_at AND asked.answered_at + INTERVAL '1 minute'
    ) > 0 AS controlled
FROM asked
LEFT JOIN LATERAL (
    SELECT max(bar.time) AS last_known
    FROM store.option_bars_5min AS bar
    WHERE asked.bars = 0
        AND bar.contract_id = asked.instrument_id
        AND bar.time >= lower(asked.span)
        AND bar.time < upper(asked.span)
        AND CASE asked.what_to_show
            WHEN 'TRADES' THEN bar.volume > 0
            WHEN 'BID' THEN bar.bid_close IS NOT NULL
            WHEN 'ASK' THEN bar.ask_close IS NOT NULL
        END
) AS known ON true
LEFT JOIN LATERAL (
    SELECT control.answered_at
    FROM requests AS control
    INNER JOIN option_chains AS living ON living.id = control.instrument_id
    WHERE asked.bars = 0
        AND control.bars > 0
        AND control.data_set = $1::smallint
        AND control.what_to_show = asked.what_to_show
        AND control.sent_at BETWEEN asked.sent_at - INTERVAL '10 minutes' AND asked.answered_at + INTERVAL '1 minute'
        AND living.underlying_id = $2::integer
        AND living.expiration_date >= (control.sent_at AT TIME ZONE 'America/New_York')::date
) AS answer ON true
GROUP BY
    asked.expiration_date, asked.instrument_id, asked.what_to_show, asked.sent_at, asked.answered_at, asked.outcome,
    asked.code, asked.message, asked.bars, known.last_known
ORDER BY asked.sent_at
