-- What is known of series, session by session: slots that are expected, answered for, settled, and by one witness alone.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose series, or whose contracts'
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 series text[]
-- $7 instrument_ids integer[]: NULL is all
WITH session AS (
    SELECT day, tstzmultirange(tstzrange(starts, ends)) AS slots
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS t (day, starts, ends)
)
SELECT
    session.day AS session,
    known.instrument_id,
    series.what_to_show AS series,
    counted.expected,
    counted.covered,
    counted.settled,
    counted.single_witness
FROM selections AS known
INNER JOIN session ON known.selected @> session.day AND (known.last_day IS NULL OR known.last_day >= session.day)
CROSS JOIN unnest($6::text[]) AS series (what_to_show)
CROSS JOIN (SELECT bar_seconds FROM data_sets WHERE id = $1::smallint) AS size
LEFT JOIN (
    SELECT instrument_id, what_to_show, covered, settled, single_witness
    FROM request_coverage
    WHERE data_set = $1::smallint
) AS coverage USING (instrument_id, what_to_show)
CROSS JOIN LATERAL (
    SELECT
        (sum(length.seconds) FILTER (WHERE length.kind = 1) / size.bar_seconds)::integer AS expected,
        (coalesce(sum(length.seconds) FILTER (WHERE length.kind = 2), 0) / size.bar_seconds)::integer AS covered,
        (coalesce(sum(length.seconds) FILTER (WHERE length.kind = 3), 0) / size.bar_seconds)::integer AS settled,
        (coalesce(sum(length.seconds) FILTER (WHERE length.kind = 4), 0) / size.bar_seconds)::integer AS single_witness
    FROM (
        SELECT part.kind, extract(EPOCH FROM upper(stretch) - lower(stretch)) AS seconds
        FROM (
            VALUES
                (1, session.slots),
                (2, session.slots * coverage.covered),
                (3, session.slots * coverage.settled),
                (4, session.slots * coverage.single_witness)
        ) AS part (kind, spans)
        CROSS JOIN LATERAL unnest(part.spans) AS stretch
    ) AS length
) AS counted
WHERE known.data_set = $1::smallint
    AND known.underlying_id = $2::integer
    AND ($7::integer[] IS NULL OR known.instrument_id = ANY($7::integer[]))
ORDER BY session.day, known.instrument_id, series.what_to_show
