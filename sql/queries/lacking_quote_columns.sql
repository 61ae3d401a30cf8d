-- Settled sessions of BID and ASK series of which a row was stored by its close alone.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 starts timestamptz[]: of the sessions' slots
-- $4 ends timestamptz[]
-- $5 series text[]
-- $6 contract_ids integer[]: NULL is all
WITH session AS (
    SELECT opens, closes
    FROM unnest($3::timestamptz[], $4::timestamptz[]) AS t (opens, closes)
),
lacking AS (
    SELECT
        bar.contract_id,
        session.opens,
        session.closes,
        bool_or(bar.bid_close IS NOT NULL AND bar.bid_open IS NULL) AS bid,
        bool_or(bar.ask_close IS NOT NULL AND bar.ask_open IS NULL) AS ask
    FROM option_chains AS chain
    INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = chain.id
    INNER JOIN session ON bar.time >= session.opens AND bar.time < session.closes
    WHERE chain.underlying_id = $2::integer
        AND ($6::integer[] IS NULL OR chain.id = ANY($6::integer[]))
        AND bar.time >= (SELECT min(opens) FROM session)
        AND bar.time < (SELECT max(closes) FROM session)
        AND ((bar.bid_close IS NOT NULL AND bar.bid_open IS NULL) OR (bar.ask_close IS NOT NULL AND bar.ask_open IS NULL))
    GROUP BY bar.contract_id, session.opens, session.closes
)
SELECT
    lacking.contract_id AS instrument_id,
    series.what_to_show,
    range_agg(tstzrange(lacking.opens, lacking.closes)) * range_agg(coverage.settled) AS missing
FROM lacking
CROSS JOIN unnest($5::text[]) AS series (what_to_show)
INNER JOIN request_coverage AS coverage
    ON coverage.instrument_id = lacking.contract_id
    AND coverage.data_set = $1::smallint
    AND coverage.what_to_show = series.what_to_show
WHERE (
    (series.what_to_show = 'BID' AND lacking.bid) OR (series.what_to_show = 'ASK' AND lacking.ask)
)
AND coverage.settled && tstzrange(lacking.opens, lacking.closes)
GROUP BY lacking.contract_id, series.what_to_show
ORDER BY lacking.contract_id, series.what_to_show
