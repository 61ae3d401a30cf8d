-- Hourly bars of option contracts with what a person calls them, by full hours of UTC; give it a range of time.
CREATE OR REPLACE VIEW option_hours AS
SELECT
    bar.hour AS time,
    bar.hour AT TIME ZONE 'America/New_York' AS new_york,
    (bar.hour AT TIME ZONE 'America/New_York')::date AS session_date,
    underlying.symbol,
    rtrim(left(chain.contract_symbol, 6)) || ' ' || substr(chain.contract_symbol, 7) AS occ_symbol,
    chain.expiration_date,
    chain.strike_price,
    chain.option_type,
    bar.contract_id,
    bar.hour_open AS open,
    bar.hour_high AS high,
    bar.hour_low AS low,
    bar.hour_close AS close,
    bar.hour_volume AS volume,
    bar.bars_count AS slots,
    bar.traded_bars AS traded_slots,
    bar.closing_bid AS bid_close,
    bar.closing_ask AS ask_close,
    ((bar.closing_bid + bar.closing_ask) / 2)::numeric(14, 4) AS mid_close,
    bar.avg_bid,
    bar.avg_ask,
    bar.closing_iv AS implied_volatility,
    bar.closing_delta AS delta,
    bar.closing_oi AS open_interest,
    (
        SELECT own.close
        FROM underlying_bars_5min AS own
        WHERE
            own.underlying_id = chain.underlying_id
            AND own.time >= bar.hour
            AND own.time < bar.hour + INTERVAL '1 hour'
            AND own.close IS NOT NULL
        ORDER BY own.time DESC
        LIMIT 1
    ) AS underlying_price
FROM hourly_option_summary AS bar
INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN underlying_securities AS underlying ON underlying.id = chain.underlying_id
