-- Bring the recorded gaps of an underlying's series, or of its contracts', up to date with what is not settled on past sessions.
-- What awaits a second witness, or is not expected any more (its series may have left the configuration), is no gap: such gaps are withdrawn, neither filled nor
-- open.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose gaps
-- $3 days date[]: of the sessions
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 series text[]
-- $7 now timestamptz
-- $8 run_id integer
-- $9 gap_type text: of those without one of their own
-- $10 known_instrument_ids integer[]: instruments with a gap type of their own
-- $11 known_series text[]
-- $12 known_reasons text[]: these types
-- $13 pending integer[]: instruments whose last slots are not due yet
-- $14 pending_since timestamptz[]: from which instant on, by instrument
WITH session AS (
    SELECT day, tstzrange(starts, ends) AS slots
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS t (day, starts, ends)
),
instrument AS (
    SELECT
        instrument_id,
        selected
        * datemultirange(
            daterange(
                (SELECT min(day) FROM session),
                least(last_day, (SELECT max(day) FROM session)),
                '[]'
            )
        ) AS days
    FROM selections
    WHERE data_set = $1::smallint
        AND underlying_id = $2::integer
        AND (last_day IS NULL OR last_day >= (SELECT min(day) FROM session))
),
expected AS (
    SELECT
        life.days,
        range_agg(session.slots) AS slots,
        tstzmultirange(range_merge(range_agg(session.slots))) AS whole
    FROM (SELECT DISTINCT days FROM instrument) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
-- What is settled has few ranges, and so has the rest of the whole span; its common part with the slots is found twice
-- as fast as their difference.
unsettled AS (
    SELECT
        instrument_id,
        what_to_show,
        expected.slots * (expected.whole - coalesce(coverage.settled, '{}')) AS slots
    FROM instrument
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($6::text[]) AS series (what_to_show)
    LEFT JOIN (
        SELECT instrument_id, what_to_show, settled FROM request_coverage WHERE data_set = $1::smallint
    ) AS coverage USING (instrument_id, what_to_show)
),
own AS (
    SELECT
        gap.*,
        tstzrange(gap.gap_start, gap.gap_end) AS slots,
        coalesce(coverage.settled, '{}') AS settled
    FROM historical_data_gaps AS gap
    LEFT JOIN request_coverage AS coverage USING (instrument_id, data_set, what_to_show)
    WHERE gap.data_set = $1::smallint
        AND gap.state <> 'filled'
        AND gap.instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $2::integer
            UNION ALL
            SELECT -$2::integer
        )
        AND (SELECT range_agg(slots) FROM session) @> tstzrange(gap.gap_start, gap.gap_end)
),
lost AS (
    SELECT instrument_id, what_to_show, range_agg(slots) AS slots
    FROM own
    WHERE state = 'lost'
    GROUP BY instrument_id, what_to_show
),
already AS (
    SELECT instrument_id, what_to_show, range_agg(slots) AS slots
    FROM own
    WHERE state = 'open'
    GROUP BY instrument_id, what_to_show
),
awaiting AS (
    SELECT instrument_id, what_to_show, range_agg(span) AS slots
    FROM negative_claims
    WHERE data_set = $1::smallint
        AND state = 'awaiting'
        AND instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $2::integer
            UNION ALL
            SELECT -$2::integer
        )
    GROUP BY instrument_id, what_to_show
),
-- What is pending is no gap; but what has been recorded as one stays one until it is settled.
missing AS (
    SELECT
        instrument_id,
        what_to_show,
        CASE
            WHEN pending.since IS NULL THEN unsettled.slots
            ELSE unsettled.slots * (tstzmultirange(tstzrange(NULL, pending.since)) + coalesce(already.slots, '{}'))
        END - coalesce(lost.slots, '{}') - coalesce(awaiting.slots, '{}') AS slots
    FROM unsettled
    LEFT JOIN lost USING (instrument_id, what_to_show)
    LEFT JOIN awaiting USING (instrument_id, what_to_show)
    LEFT JOIN already USING (instrument_id, what_to_show)
    LEFT JOIN unnest($13::integer[], $14::timestamptz[]) AS pending (instrument_id, since) USING (instrument_id)
),
known AS (
    SELECT
        gap.id,
        gap.instrument_id,
        gap.what_to_show,
        gap.gap_type,
        gap.detected_at,
        gap.detected_run_id,
        gap.slots,
        tstzmultirange(gap.slots) * coalesce(missing.slots, '{}') AS still,
        tstzmultirange(gap.slots) * gap.settled AS done
    FROM own AS gap
    LEFT JOIN missing USING (instrument_id, what_to_show)
    WHERE gap.state = 'open'
),
-- What was given up and came all the same is filled, too.
filled AS (
    UPDATE historical_data_gaps AS gap
    SET state = 'filled', backfilled = true, backfilled_at = $7::timestamptz, backfill_run_id = $8::integer
    FROM own
    WHERE gap.id = own.id AND own.settled @> own.slots
    RETURNING gap.id, gap.instrument_id, own.slots, own.state
),
-- A gap of which a part is over shrinks to its first open piece; its filled pieces are recorded as such.
shrunk AS (
    UPDATE historical_data_gaps AS gap
    SET gap_start = lower(piece.open), gap_end = upper(piece.open)
    FROM known
    CROSS JOIN LATERAL (SELECT part AS open FROM unnest(known.still) AS part ORDER BY part LIMIT 1) AS piece
    WHERE gap.id = known.id AND NOT isempty(known.still) AND known.still <> tstzmultirange(known.slots)
    RETURNING gap.id
),
withdrawn AS (
    DELETE FROM historical_data_gaps AS gap
    USING known
    WHERE gap.id = known.id AND isempty(known.still) AND known.done <> tstzmultirange(known.slots)
    RETURNING gap.id
),
filled_in_part AS (
    INSERT INTO historical_data_gaps (
        instrument_id, data_set, what_to_show, state, gap_start, gap_end, gap_type, detected_at, detected_run_id,
        backfilled, backfilled_at, backfill_run_id
    )
    SELECT
        instrument_id, $1::smallint, what_to_show, 'filled', lower(part), upper(part), gap_type, detected_at, detected_run_id,
        true, $7::timestamptz, $8::integer
    FROM known
    CROSS JOIN unnest(known.done) AS part
    WHERE known.done <> tstzmultirange(known.slots)
    RETURNING id
),
recorded AS (
    SELECT instrument_id, what_to_show, range_agg(part) AS slots
    FROM (
        SELECT
            instrument_id,
            what_to_show,
            (SELECT part FROM unnest(known.still) AS part ORDER BY part LIMIT 1) AS part
        FROM known
        WHERE NOT isempty(known.still)
    ) AS first_piece
    GROUP BY instrument_id, what_to_show
),
opened AS (
    INSERT INTO historical_data_gaps (
        instrument_id, data_set, what_to_show, gap_start, gap_end, gap_type, detected_at, detected_run_id
    )
    SELECT
        missing.instrument_id,
        $1::smallint,
        missing.what_to_show,
        lower(part),
        upper(part),
        coalesce(earlier.gap_type, reason.gap_type, $9::text),
        coalesce(earlier.detected_at, $7::timestamptz),
        coalesce(earlier.detected_run_id, $8::integer)
    FROM missing
    LEFT JOIN recorded USING (instrument_id, what_to_show)
    CROSS JOIN unnest(missing.slots - coalesce(recorded.slots, '{}')) AS part
    LEFT JOIN unnest($10::integer[], $11::text[], $12::text[]) AS reason (instrument_id, what_to_show, gap_type)
        ON reason.instrument_id = missing.instrument_id AND reason.what_to_show = missing.what_to_show
    LEFT JOIN LATERAL (
        SELECT known.gap_type, known.detected_at, known.detected_run_id
        FROM known
        WHERE known.instrument_id = missing.instrument_id
            AND known.what_to_show = missing.what_to_show
            AND known.still @> part
        LIMIT 1
    ) AS earlier ON true
    RETURNING detected_at
)
SELECT
    (SELECT count(*) FROM opened) AS opened,
    (SELECT count(*) FROM filled) + (SELECT count(*) FROM filled_in_part) AS closed,
    (
        SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day))
        FROM filled
        CROSS JOIN LATERAL store.days_of(tstzmultirange(slots)) AS day
        WHERE state = 'lost'
    ) AS changes
