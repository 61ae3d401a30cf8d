-- The underlyings' bars as decimals.
CREATE OR REPLACE VIEW underlying_bars_5min AS
SELECT
    time,
    underlying_id,
    (open * 0.0001)::numeric(14, 4) AS open,
    ((greatest(open, close) + up) * 0.0001)::numeric(14, 4) AS high,
    ((least(open, close) - down) * 0.0001)::numeric(14, 4) AS low,
    (close * 0.0001)::numeric(14, 4) AS close,
    (volume * 0.0001)::numeric(20, 4) AS volume,
    bar_count,
    ((close + vwap_off) * 0.0001)::numeric(14, 4) AS vwap,
    (implied_volatility * 0.0001)::numeric(12, 4) AS implied_volatility,
    flags,
    collection_run_id,
    has_gaps,
    created_at,
    updated_at
FROM store.underlying_bars_5min
