-- Make this connection's staging table of underlying bars: a row an underlying and slot.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_underlying_bars (
    underlying_id integer NOT NULL,
    time timestamptz NOT NULL,
    open numeric(14, 4),
    high numeric(14, 4),
    low numeric(14, 4),
    close numeric(14, 4),
    volume numeric(20, 4),
    bar_count integer,
    vwap numeric(14, 4),
    implied_volatility numeric(12, 4),
    flags integer NOT NULL
) ON COMMIT DELETE ROWS
