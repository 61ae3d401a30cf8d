-- Slots that a series lacks on sessions for which its instrument is selected.
-- What is lost is not asked for, unless nothing counts as done.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose series, or whose contracts'
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 series text[]
-- $7 asks text: what counts as done (not_covered: what is covered, not_settled: what is settled; NULL: nothing)
-- $8 instrument_ids integer[]: NULL is all
-- $9 also date[]: days for which the underlying itself is selected, whatever is recorded
WITH session AS (
    SELECT day, slots
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS t (day, starts, ends)
    CROSS JOIN LATERAL (SELECT tstzrange(starts, ends) AS slots) AS range
),
also AS (
    SELECT -$2::integer AS instrument_id, range_agg(daterange(day, day, '[]')) AS selected
    FROM unnest($9::date[]) AS day
    HAVING count(*) > 0
),
instrument AS (
    SELECT
        instrument_id,
        -- Only the days looked at matter, so few different lives are left.
        CASE WHEN also.selected IS NULL THEN known.selected ELSE coalesce(known.selected, '{}') + also.selected END
        * datemultirange(
            daterange(
                (SELECT min(day) FROM session),
                least(known.last_day, (SELECT max(day) FROM session)),
                '[]'
            )
        ) AS days
    FROM (
        SELECT instrument_id, selected, last_day
        FROM selections
        WHERE data_set = $1::smallint
            AND underlying_id = $2::integer
            AND (last_day IS NULL OR last_day >= (SELECT min(day) FROM session))
            AND ($8::integer[] IS NULL OR instrument_id = ANY($8::integer[]))
    ) AS known
    FULL JOIN also USING (instrument_id)
),
lost AS (
    SELECT instrument_id, what_to_show, range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps
    WHERE data_set = $1::smallint
        AND state = 'lost'
        AND $7::text IS NOT NULL
        AND instrument_id IN (SELECT instrument_id FROM instrument)
    GROUP BY instrument_id, what_to_show
),
expected AS (
    SELECT
        life.days,
        range_agg(session.slots) AS slots
    FROM (SELECT DISTINCT days FROM instrument) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
-- Materialized: computed once, not again for the filter. Most series lack nothing, which is seen in a third of the time
-- that the difference takes.
difference AS MATERIALIZED (
    SELECT
        instrument_id,
        series.what_to_show,
        CASE WHEN done @> expected.slots THEN '{}' ELSE expected.slots - done END AS missing
    FROM instrument
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($6::text[]) AS series (what_to_show)
    LEFT JOIN (
        SELECT instrument_id, what_to_show, covered, settled FROM request_coverage WHERE data_set = $1::smallint
    ) AS coverage USING (instrument_id, what_to_show)
    LEFT JOIN lost USING (instrument_id, what_to_show)
    CROSS JOIN LATERAL (
        SELECT
            CASE $7::text
                WHEN 'not_covered' THEN coalesce(coverage.covered, '{}')
                WHEN 'not_settled' THEN coalesce(coverage.settled, '{}')
                ELSE '{}'
            END
            + coalesce(lost.slots, '{}') AS done
    ) AS known
)
SELECT instrument_id, what_to_show, missing
FROM difference
WHERE NOT isempty(missing)
ORDER BY instrument_id, what_to_show
