-- The slots of some spans in which an underlying has a bar, merged.
-- $1 bar_size interval
-- $2 underlying_id integer
-- $3 starts timestamptz[]: ascending
-- $4 ends timestamptz[]
SELECT unnest(range_agg(tstzrange(bar.time, bar.time + $1::interval))) AS span
FROM unnest($3::timestamptz[], $4::timestamptz[]) AS asked (starts, ends)
INNER JOIN store.underlying_bars_5min AS bar ON bar.time >= asked.starts AND bar.time < asked.ends
WHERE bar.underlying_id = $2::integer
    AND bar.time >= ($3::timestamptz[])[1]
    AND bar.time < ($4::timestamptz[])[cardinality($4::timestamptz[])]
    AND bar.close IS NOT NULL
