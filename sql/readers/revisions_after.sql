-- What the bars of instruments were until they were revised after an instant: of each slot the first revision after it.
-- $1 first_id integer: of the instruments
-- $2 last_id integer
-- $3 data_set_id smallint
-- $4 span_start timestamptz
-- $5 span_end timestamptz
-- $6 at timestamptz
SELECT DISTINCT ON (instrument_id, time)
    instrument_id,
    time,
    open::float8 AS open,
    high::float8 AS high,
    low::float8 AS low,
    close::float8 AS close,
    volume::float8 AS volume,
    bar_count,
    vwap::float8 AS vwap,
    bid_open::float8 AS bid_open,
    bid_high::float8 AS bid_high,
    bid_low::float8 AS bid_low,
    bid_close::float8 AS bid_close,
    ask_open::float8 AS ask_open,
    ask_high::float8 AS ask_high,
    ask_low::float8 AS ask_low,
    ask_close::float8 AS ask_close,
    implied_volatility::float8 AS implied_volatility
FROM bar_revisions
WHERE instrument_id >= $1::integer
    AND instrument_id <= $2::integer
    AND data_set = $3::smallint
    AND time >= $4::timestamptz
    AND time < $5::timestamptz
    AND replaced_at > $6::timestamptz
ORDER BY instrument_id, time, replaced_at
