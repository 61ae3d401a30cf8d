-- Make the table of one size of underlyings' bars: prices, volumes and {column} are whole ten-thousandths.
-- up is high less the greater of open and close, down the lesser of both less low, vwap_off is vwap less close.
CREATE TABLE IF NOT EXISTS store.{bars} (
    time timestamptz NOT NULL,
    underlying_id integer NOT NULL,
    open bigint,
    up bigint,
    down bigint,
    close bigint,
    vwap_off bigint,
    volume bigint,
    bar_count integer,
    {column} {stored},
    collection_run_id integer,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    flags integer NOT NULL DEFAULT 0,
    has_gaps boolean NOT NULL DEFAULT false,
    CONSTRAINT pk_{bars} PRIMARY KEY (underlying_id, time)
)
