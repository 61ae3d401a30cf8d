-- Option bars with what a person calls their contract; give it a range of time.
CREATE OR REPLACE VIEW option_bars AS
SELECT
    bar.time,
    underlying.symbol,
    chain.expiration_date,
    chain.strike_price,
    chain.option_type,
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
    coalesce(
        (
            SELECT earlier.contract_symbol
            FROM earlier_contract_terms AS earlier
            WHERE earlier.contract_id = bar.contract_id AND earlier.until > bar.time
            ORDER BY earlier.until
            LIMIT 1
        ),
        chain.contract_symbol
    ) AS contract_symbol,
    (
        SELECT rtrim(left(listed.symbol, 6)) || ' ' || substr(listed.symbol, 7)
        FROM (
            SELECT
                coalesce(
                    (
                        SELECT earlier.contract_symbol
                        FROM earlier_contract_terms AS earlier
                        WHERE earlier.contract_id = bar.contract_id AND earlier.until > bar.time
                        ORDER BY earlier.until
                        LIMIT 1
                    ),
                    chain.contract_symbol
                ) AS symbol
        ) AS listed
    ) AS occ_symbol,
    coalesce(
        (
            SELECT earlier.multiplier
            FROM earlier_contract_terms AS earlier
            WHERE earlier.contract_id = bar.contract_id AND earlier.until > bar.time
            ORDER BY earlier.until
            LIMIT 1
        ),
        chain.multiplier
    ) AS multiplier,
    (bar.time AT TIME ZONE 'America/New_York')::date AS session_date,
    bar.time AT TIME ZONE 'America/New_York' AS new_york,
    -- Whoever does not ask for it does not pay for it: the join is by the whole key, and then left out of the plan.
    own.close AS underlying_price
FROM option_bars_5min AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
LEFT JOIN underlying_bars_5min AS own ON own.underlying_id = chain.underlying_id AND own.time = bar.time
