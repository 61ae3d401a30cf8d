-- Make this connection's staging table of one size of underlyings' bars: a row an underlying and slot.
-- Prices, volumes and {column} are ten-thousandths.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_{bars} (
    underlying_id integer NOT NULL,
    time timestamptz NOT NULL,
    open bigint,
    high bigint,
    low bigint,
    close bigint,
    volume bigint,
    bar_count integer,
    vwap bigint,
    {column} bigint,
    flags integer NOT NULL
) ON COMMIT DELETE ROWS
