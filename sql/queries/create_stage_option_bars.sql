-- Make this connection's staging table of option bars: a row a contract and slot, the answered series side by side.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_option_bars (
    contract_id integer NOT NULL,
    time timestamptz NOT NULL,
    open numeric(14, 4),
    high numeric(14, 4),
    low numeric(14, 4),
    close numeric(14, 4),
    volume numeric,
    bar_count integer,
    vwap numeric(14, 4),
    bid_open numeric(14, 4),
    bid_high numeric(14, 4),
    bid_low numeric(14, 4),
    bid_close numeric(14, 4),
    ask_open numeric(14, 4),
    ask_high numeric(14, 4),
    ask_low numeric(14, 4),
    ask_close numeric(14, 4),
    flags integer NOT NULL
) ON COMMIT DELETE ROWS
