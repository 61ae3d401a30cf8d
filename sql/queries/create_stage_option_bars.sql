-- Make this connection's staging table of option bars: a row a contract and slot, the answered series side by side.
-- Prices are ten-thousandths of a USD, volumes contracts.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_option_bars (
    contract_id integer NOT NULL,
    time timestamptz NOT NULL,
    open integer,
    high integer,
    low integer,
    close integer,
    volume integer,
    bar_count integer,
    vwap integer,
    bid_open integer,
    bid_high integer,
    bid_low integer,
    bid_close integer,
    ask_open integer,
    ask_high integer,
    ask_low integer,
    ask_close integer,
    flags integer NOT NULL
) ON COMMIT DELETE ROWS
