-- Those of some spans in which an underlying has a bar: $1 underlying id, $2 starts, $3 ends (ascending).
SELECT tstzrange(starts, ends) AS span
FROM unnest($2::timestamptz[], $3::timestamptz[]) AS t (starts, ends)
WHERE EXISTS (
    SELECT
    FROM underlying_bars_5min
    WHERE underlying_id = $1::integer
        AND time >= starts
        AND time < ends
        AND time >= ($2::timestamptz[])[1]
        AND time < ($3::timestamptz[])[cardinality($3::timestamptz[])]
        AND close IS NOT NULL
)
ORDER BY starts
