-- Make this connection's staging table of underlying bars: a row an underlying and slot.
-- Prices, volumes and volatilities are ten-thousandths.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_underlying_bars (
    underlying_id integer NOT NULL,
    time timestamptz NOT NULL,
    open bigint,
    high bigint,
    low bigint,
    close bigint,
    volume bigint,
    bar_count integer,
    vwap bigint,
    implied_volatility bigint,
    flags integer NOT NULL
) ON COMMIT DELETE ROWS
