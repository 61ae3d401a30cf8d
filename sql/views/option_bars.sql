-- Option bars with what a person calls their contract; give it a range of time.
CREATE OR REPLACE VIEW option_bars AS
SELECT
    bar.time,
    underlying.symbol,
    terms.expiration_date,
    terms.strike_price,
    terms.option_type,
    bar.contract_id,
    bar.open,
    bar.high,
    bar.low,
    bar.close,
    bar.volume,
    bar.bar_count,
    bar.vwap,
    bar.bid_close,
    bar.ask_close,
    bar.mid_close,
    bar.spread_close,
    bar.implied_volatility,
    bar.delta,
    bar.gamma,
    bar.theta,
    bar.vega,
    bar.rho,
    bar.open_interest,
    bar.data_source,
    bar.has_gaps,
    bar.flags,
    -- At the end: a view that exists takes new columns there only.
    bar.bid_open,
    bar.bid_high,
    bar.bid_low,
    bar.ask_open,
    bar.ask_high,
    bar.ask_low,
    (
        SELECT reason.word
        FROM codes AS reason
        WHERE reason.kind = 'greeks_reason' AND reason.code = bar.greeks_reason
    ) AS greeks_reason,
    (
        SELECT string_agg(flag.word, ', ' ORDER BY flag.code)
        FROM codes AS flag
        WHERE bar.flags <> 0 AND flag.kind = 'flag' AND bar.flags & flag.code <> 0
    ) AS flag_words,
    terms.contract_symbol,
    rtrim(left(terms.contract_symbol, 6)) || ' ' || substr(terms.contract_symbol, 7) AS occ_symbol,
    terms.multiplier,
    (bar.time AT TIME ZONE 'America/New_York')::date AS session_date,
    bar.time AT TIME ZONE 'America/New_York' AS new_york,
    -- Whoever does not ask for it does not pay for it: the join is by the whole key, and then left out of the plan.
    own.close AS underlying_price
FROM option_bars_5min AS bar
-- The terms of a bar's own time, as contract_terms tells them; two branches, so that what is asked of them finds contracts.
INNER JOIN (
    SELECT
        chain.id AS contract_id, chain.underlying_id, earlier.until AS since, 'infinity'::timestamptz AS until,
        chain.contract_symbol, chain.expiration_date, chain.strike_price, chain.option_type, chain.multiplier
    FROM option_chains AS chain
    LEFT JOIN (
        SELECT contract_id, max(until) AS until
        FROM earlier_contract_terms
        GROUP BY contract_id
    ) AS earlier ON earlier.contract_id = chain.id
    UNION ALL
    SELECT
        chain.id, chain.underlying_id, earlier.since, earlier.until, earlier.contract_symbol, earlier.expiration_date,
        earlier.strike_price, earlier.option_type, earlier.multiplier
    FROM option_chains AS chain
    INNER JOIN (
        SELECT *, lag(until) OVER (PARTITION BY contract_id ORDER BY until) AS since
        FROM earlier_contract_terms
    ) AS earlier ON earlier.contract_id = chain.id
) AS terms
    ON terms.contract_id = bar.contract_id
    AND bar.time < terms.until
    AND (terms.since IS NULL OR bar.time >= terms.since)
INNER JOIN underlying_securities AS underlying ON underlying.id = terms.underlying_id
LEFT JOIN underlying_bars_5min AS own ON own.underlying_id = terms.underlying_id AND own.time = bar.time
