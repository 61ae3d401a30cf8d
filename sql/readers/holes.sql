-- Slots that are expected and not settled, each with the one reason that says most, by series and stretch.
-- What one witness has settled is no hole. A slot that has settled while its bar stands in quarantine is one.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose series, or whose contracts'
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 series text[]
-- $7 instrument_ids integer[]: NULL is whatever is selected; else also what of them is not selected
WITH session AS (
    SELECT day, tstzrange(starts, ends) AS slots
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS t (day, starts, ends)
),
size AS (SELECT make_interval(secs => bar_seconds) AS slot FROM data_sets WHERE id = $1::smallint),
known AS (
    SELECT
        instrument_id,
        last_day,
        selected * datemultirange(
            daterange((SELECT min(day) FROM session), least(last_day, (SELECT max(day) FROM session)), '[]')
        ) AS days
    FROM selections
    WHERE data_set = $1::smallint
        AND underlying_id = $2::integer
        AND (last_day IS NULL OR last_day >= (SELECT min(day) FROM session))
        AND ($7::integer[] IS NULL OR instrument_id = ANY($7::integer[]))
    UNION ALL
    -- Contracts that were never listed while it was looked have no selections at all.
    SELECT chain.id, chain.expiration_date, '{}'
    FROM option_chains AS chain
    WHERE chain.underlying_id = $2::integer
        AND chain.id = ANY($7::integer[])
        AND chain.expiration_date >= (SELECT min(day) FROM session)
        AND NOT EXISTS (SELECT FROM option_contract_lifecycle AS life WHERE life.contract_id = chain.id)
),
expected AS (
    SELECT life.days, range_agg(session.slots) AS slots
    FROM (SELECT DISTINCT days FROM known) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
unsettled AS MATERIALIZED (
    SELECT
        instrument_id,
        series.what_to_show,
        coalesce(coverage.covered, '{}') AS covered,
        CASE WHEN coverage.settled @> expected.slots THEN '{}' ELSE expected.slots - coalesce(coverage.settled, '{}') END
        AS slots,
        expected.slots AS all_slots
    FROM known
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($6::text[]) AS series (what_to_show)
    LEFT JOIN (
        SELECT instrument_id, what_to_show, covered, settled FROM request_coverage WHERE data_set = $1::smallint
    ) AS coverage USING (instrument_id, what_to_show)
),
-- A bar that cannot be true came last for these slots, and no other one since (the row's flag says so).
quarantined AS (
    SELECT
        series.instrument_id,
        series.what_to_show,
        tstzmultirange(tstzrange(bad.time, bad.time + size.slot)) AS slots,
        string_agg(DISTINCT bad.reason, ', ') AS detail
    FROM unsettled AS series
    CROSS JOIN size
    INNER JOIN quarantined_bars AS bad USING (instrument_id, what_to_show)
    WHERE bad.data_set = $1::smallint
        AND series.all_slots @> bad.time
        AND (
            series.slots @> bad.time
            OR bad.what_to_show = 'TRADES' AND EXISTS (
                SELECT
                FROM store.option_bars_5min AS bar
                WHERE bar.contract_id = bad.instrument_id
                    AND bar.time = bad.time
                    AND bar.flags & 128 <> 0
                    AND bar.volume IS NULL
            )
        )
    GROUP BY series.instrument_id, series.what_to_show, bad.time, size.slot
),
lost AS (
    SELECT
        series.instrument_id,
        series.what_to_show,
        series.slots * tstzmultirange(tstzrange(gap.gap_start, gap.gap_end)) AS slots,
        coalesce(gap.reason, '') AS detail
    FROM unsettled AS series
    INNER JOIN historical_data_gaps AS gap USING (instrument_id, what_to_show)
    WHERE gap.data_set = $1::smallint
        AND gap.state = 'lost'
        AND series.slots && tstzrange(gap.gap_start, gap.gap_end)
),
awaited AS (
    SELECT
        series.instrument_id,
        series.what_to_show,
        series.slots * tstzmultirange(claim.span) AS slots,
        claim.state,
        claim.reason AS detail
    FROM unsettled AS series
    INNER JOIN negative_claims AS claim USING (instrument_id, what_to_show)
    WHERE claim.data_set = $1::smallint AND series.slots && claim.span
),
opened AS (
    SELECT
        series.instrument_id,
        series.what_to_show,
        series.slots * tstzmultirange(tstzrange(gap.gap_start, gap.gap_end)) AS slots,
        gap.gap_type AS detail
    FROM unsettled AS series
    INNER JOIN historical_data_gaps AS gap USING (instrument_id, what_to_show)
    WHERE gap.data_set = $1::smallint
        AND gap.state = 'open'
        AND series.slots && tstzrange(gap.gap_start, gap.gap_end)
),
-- The first reason that a slot has is the one that is told.
reasons AS (
    SELECT 1 AS place, instrument_id, what_to_show, 'lost' AS reason, slots, detail FROM lost
    UNION ALL
    SELECT 2, instrument_id, what_to_show, 'quarantined', slots, detail FROM quarantined
    UNION ALL
    SELECT 3, instrument_id, what_to_show, state, slots, detail FROM awaited
    UNION ALL
    SELECT 4, instrument_id, what_to_show, 'open_gap', slots, detail FROM opened
),
earlier AS (
    SELECT instrument_id, what_to_show, place, range_agg(slots) AS slots
    FROM reasons
    GROUP BY instrument_id, what_to_show, place
),
told AS (
    SELECT
        one.instrument_id,
        one.what_to_show,
        one.reason,
        one.detail,
        one.slots - coalesce(
            (
                SELECT range_agg(earlier.slots)
                FROM earlier
                WHERE earlier.instrument_id = one.instrument_id
                    AND earlier.what_to_show = one.what_to_show
                    AND earlier.place < one.place
            ),
            '{}'
        ) AS slots
    FROM reasons AS one
    UNION ALL
    SELECT
        series.instrument_id,
        series.what_to_show,
        rest.reason,
        '',
        rest.slots
    FROM unsettled AS series
    CROSS JOIN LATERAL (
        SELECT
            series.slots - coalesce(
                (
                    SELECT range_agg(earlier.slots)
                    FROM earlier
                    WHERE earlier.instrument_id = series.instrument_id AND earlier.what_to_show = series.what_to_show
                ),
                '{}'
            ) AS slots
    ) AS remaining
    CROSS JOIN LATERAL (
        VALUES
            ('provisional', remaining.slots * series.covered),
            ('not_asked', remaining.slots - series.covered)
    ) AS rest (reason, slots)
    WHERE NOT isempty(series.slots)
)
SELECT
    told.instrument_id,
    told.what_to_show AS series,
    session.day AS session,
    lower(stretch) AS span_start,
    upper(stretch) AS span_end,
    (extract(EPOCH FROM upper(stretch) - lower(stretch)) / extract(EPOCH FROM size.slot))::integer AS slots,
    told.reason,
    coalesce(told.detail, '') AS detail
FROM told
CROSS JOIN size
INNER JOIN session ON told.slots && session.slots
CROSS JOIN LATERAL unnest(told.slots * tstzmultirange(session.slots)) AS stretch
UNION ALL
-- What was asked for by its name and is not selected on a session.
SELECT
    known.instrument_id,
    NULL,
    session.day,
    lower(session.slots),
    upper(session.slots),
    (extract(EPOCH FROM upper(session.slots) - lower(session.slots)) / extract(EPOCH FROM size.slot))::integer,
    'not_selected',
    ''
FROM known
CROSS JOIN size
INNER JOIN session ON NOT known.days @> session.day AND (known.last_day IS NULL OR known.last_day >= session.day)
WHERE $7::integer[] IS NOT NULL
ORDER BY 1, 2, 3, 4
