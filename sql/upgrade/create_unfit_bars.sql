-- Make room for series of a day's bars that do not fit into the store, until the transaction ends.
CREATE TEMPORARY TABLE unfit_bars (
    instrument_id integer NOT NULL,
    what_to_show text NOT NULL,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume numeric,
    bar_count bigint,
    vwap numeric,
    time timestamptz NOT NULL,
    run_id integer
) ON COMMIT DROP
