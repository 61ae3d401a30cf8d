-- Make this connection's staging table of bars that cannot be true.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_quarantine (
    instrument_id integer NOT NULL,
    data_set smallint NOT NULL,
    what_to_show text NOT NULL,
    time timestamptz NOT NULL,
    reason text NOT NULL,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume numeric,
    bar_count bigint,
    vwap numeric,
    sent_at timestamptz,
    slot timestamptz NOT NULL,
    final boolean NOT NULL
) ON COMMIT DELETE ROWS
