-- Daily bars of option contracts with what a person calls them; give it a range of time, which is of midnights UTC.
CREATE OR REPLACE VIEW option_days AS
SELECT
    bar.day AS time,
    (bar.day AT TIME ZONE 'UTC')::date AS session_date,
    underlying.symbol,
    rtrim(left(chain.contract_symbol, 6)) || ' ' || substr(chain.contract_symbol, 7) AS occ_symbol,
    chain.expiration_date,
    chain.strike_price,
    chain.option_type,
    bar.contract_id,
    bar.day_open AS open,
    bar.day_high AS high,
    bar.day_low AS low,
    bar.day_close AS close,
    bar.day_volume AS volume,
    bar.bars_count AS slots,
    bar.traded_bars AS traded_slots,
    bar.closing_bid AS bid_close,
    bar.closing_ask AS ask_close,
    ((bar.closing_bid + bar.closing_ask) / 2)::numeric(14, 4) AS mid_close,
    bar.closing_iv AS implied_volatility,
    bar.closing_delta AS delta,
    bar.closing_oi AS open_interest,
    (
        SELECT own.close
        FROM underlying_bars_5min AS own
        WHERE
            own.underlying_id = chain.underlying_id
            AND own.time >= bar.day
            AND own.time < bar.day + INTERVAL '24 hours'
            AND own.close IS NOT NULL
        ORDER BY own.time DESC
        LIMIT 1
    ) AS underlying_price
FROM daily_option_summary AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
