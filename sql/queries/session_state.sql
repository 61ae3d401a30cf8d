-- How many series-slots of a session are expected or were asked for, and what is known of them.
-- Expected is what was selected on the day; what was asked for beyond that has to be settled, too.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose series, or whose contracts'
-- $3 day date: of the session
-- $4 span_start timestamptz: of its slots
-- $5 span_end timestamptz
-- $6 series text[]: the configured ones
WITH session AS (
    SELECT tstzmultirange(tstzrange($4::timestamptz, $5::timestamptz)) AS slots
),
own AS (
    SELECT id FROM option_chains WHERE underlying_id = $2::integer AND expiration_date >= $3::date
    UNION ALL
    SELECT -$2::integer
),
selected AS (
    SELECT life.instrument_id, series.what_to_show
    FROM selections AS life
    CROSS JOIN unnest($6::text[]) AS series (what_to_show)
    WHERE life.data_set = $1::smallint
        AND life.underlying_id = $2::integer
        AND life.selected @> $3::date
        AND (life.last_day IS NULL OR life.last_day >= $3::date)
),
asked AS (
    SELECT instrument_id, what_to_show, covered * session.slots AS covered, settled, single_witness
    FROM request_coverage
    CROSS JOIN session
    WHERE data_set = $1::smallint
        AND covered && session.slots
        AND instrument_id IN (SELECT id FROM own)
),
lost AS (
    SELECT instrument_id, what_to_show, range_agg(tstzrange(gap_start, gap_end)) AS slots
    FROM historical_data_gaps
    WHERE data_set = $1::smallint
        AND state = 'lost'
        AND gap_start < $5::timestamptz
        AND gap_end > $4::timestamptz
        AND instrument_id IN (SELECT id FROM own)
    GROUP BY instrument_id, what_to_show
),
awaiting AS (
    SELECT instrument_id, what_to_show, range_agg(span) AS slots
    FROM negative_claims
    WHERE data_set = $1::smallint
        AND state = 'awaiting'
        AND session_date = $3::date
        AND instrument_id IN (SELECT id FROM own)
    GROUP BY instrument_id, what_to_show
),
known AS (
    SELECT
        CASE WHEN selected.instrument_id IS NULL THEN asked.covered ELSE session.slots END AS slots,
        coalesce(asked.settled, '{}') AS settled,
        coalesce(asked.single_witness, '{}') AS single_witness,
        coalesce(lost.slots, '{}') - coalesce(asked.settled, '{}') AS lost,
        coalesce(awaiting.slots, '{}') AS awaiting
    FROM selected
    FULL JOIN asked USING (instrument_id, what_to_show)
    LEFT JOIN lost USING (instrument_id, what_to_show)
    LEFT JOIN awaiting USING (instrument_id, what_to_show)
    CROSS JOIN session
),
parts AS (
    SELECT 'expected' AS part, slots FROM known
    UNION ALL
    SELECT 'settled', slots * settled FROM known
    UNION ALL
    SELECT 'single_witness', slots * settled * single_witness FROM known
    UNION ALL
    SELECT 'lost', slots * lost FROM known
    UNION ALL
    SELECT 'awaiting', slots * awaiting - settled - lost FROM known
    UNION ALL
    SELECT 'unknown', slots - settled - lost - awaiting FROM known
)
SELECT
    parts.part,
    coalesce(
        sum(
            (
                SELECT sum(extract(EPOCH FROM upper(span) - lower(span)))
                FROM unnest(parts.slots) AS span
            ) / kind.bar_seconds
        ),
        0
    )::bigint AS slots
FROM parts
INNER JOIN data_sets AS kind ON kind.id = $1::smallint
GROUP BY parts.part
