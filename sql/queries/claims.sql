-- Claims on sessions, with what speaks for and against each.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose claims, its contracts' included
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 past_days date[]: of the sessions before and with them
-- $7 past_starts timestamptz[]
-- $8 past_ends timestamptz[]
-- $9 no_bid numeric: up to this ask nobody need bid, USD
WITH session AS (
    SELECT * FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS t (day, opens, closes)
),
past AS (
    SELECT * FROM unnest($6::date[], $7::timestamptz[], $8::timestamptz[]) AS t (day, opens, closes)
),
-- Which strikes lie next to each other is a matter of what was selected on the session.
strike AS (
    SELECT
        chain.id AS contract_id,
        session.day,
        lag(chain.id) OVER one_right AS below,
        lead(chain.id) OVER one_right AS above
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    INNER JOIN session ON life.selected @> session.day
    WHERE chain.underlying_id = $2::integer AND chain.expiration_date >= (SELECT min(day) FROM session)
    WINDOW one_right AS (
        PARTITION BY session.day, chain.expiration_date, chain.option_type ORDER BY chain.strike_price
    )
),
claim AS (
    SELECT claim.*, session.opens, session.closes, chain.expiration_date
    FROM negative_claims AS claim
    INNER JOIN session ON session.day = claim.session_date
    LEFT JOIN option_chains AS chain ON chain.id = claim.instrument_id
    WHERE claim.data_set = $1::smallint
        AND coalesce(chain.underlying_id, -claim.instrument_id) = $2::integer
        AND claim.first_sent_at IS NOT NULL
),
own AS (
    SELECT contract.instrument_id, contract.session_date, bars.*
    FROM (SELECT DISTINCT instrument_id, session_date, opens, closes FROM claim WHERE instrument_id > 0) AS contract
    CROSS JOIN LATERAL (
        SELECT
            coalesce(bool_or(bar.close IS NOT NULL), false) AS trades,
            coalesce(bool_or(bar.bid_close IS NOT NULL), false) AS bids,
            coalesce(bool_or(bar.ask_close IS NOT NULL), false) AS asks,
            2 * count(*) FILTER (WHERE bar.ask_close * bar.unit > $9::numeric * 10000) > count(bar.ask_close) AS ask_above_bound
        FROM store.option_bars_5min AS bar
        WHERE bar.contract_id = contract.instrument_id AND bar.time >= contract.opens AND bar.time < contract.closes
    ) AS bars
)
SELECT
    claim.instrument_id,
    claim.what_to_show,
    claim.session_date,
    claim.expiration_date,
    claim.span,
    claim.reason,
    claim.first_sent_at,
    claim.last_sent_at,
    coalesce(own.trades, false) AS trades,
    coalesce(own.bids, false) AS bids,
    coalesce(own.asks, false) AS asks,
    coalesce(own.ask_above_bound, false) AS ask_above_bound,
    coalesce(life.listed_since <= claim.session_date, true) AS listed,
    claim.what_to_show = 'TRADES'
    AND (
        SELECT count(*) = 3 AND bool_and(latest.traded)
        FROM (
            SELECT
                EXISTS (
                    SELECT
                    FROM store.option_bars_5min AS bar
                    WHERE bar.contract_id = claim.instrument_id
                        AND bar.time >= past.opens
                        AND bar.time < past.closes
                        AND bar.volume > 0
                ) AS traded
            FROM past
            INNER JOIN request_coverage AS coverage
                ON coverage.instrument_id = claim.instrument_id
                AND coverage.data_set = claim.data_set
                AND coverage.what_to_show = 'TRADES'
                AND coverage.settled @> tstzrange(past.opens, past.closes)
            WHERE past.day < claim.session_date
            ORDER BY past.day DESC
            LIMIT 3
        ) AS latest
    ) AS traded_before,
    claim.what_to_show = 'TRADES'
    AND (
        SELECT count(*) = 2
        FROM unnest(ARRAY[strike.below, strike.above]) AS neighbour (contract_id)
        WHERE EXISTS (
            SELECT
            FROM store.option_bars_5min AS bar
            WHERE bar.contract_id = neighbour.contract_id
                AND bar.time >= claim.opens
                AND bar.time < claim.closes
                AND bar.volume > 0
        )
    ) AS neighbours_traded
FROM claim
LEFT JOIN own ON own.instrument_id = claim.instrument_id AND own.session_date = claim.session_date
LEFT JOIN strike ON strike.contract_id = claim.instrument_id AND strike.day = claim.session_date
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = claim.instrument_id
