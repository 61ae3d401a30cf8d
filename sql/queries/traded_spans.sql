-- The slots of some spans in which an underlying has a bar, merged.
-- $1 underlying_id integer
-- $2 starts timestamptz[]: ascending
-- $3 ends timestamptz[]
SELECT unnest(range_agg(tstzrange(bar.time, bar.time + INTERVAL '5 minutes'))) AS span
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS asked (starts, ends)
INNER JOIN store.underlying_bars_5min AS bar ON bar.time >= asked.starts AND bar.time < asked.ends
WHERE bar.underlying_id = $1::integer
    AND bar.time >= ($2::timestamptz[])[1]
    AND bar.time < ($3::timestamptz[])[cardinality($3::timestamptz[])]
    AND bar.close IS NOT NULL
