-- Bring the recorded gaps of an underlying and its contracts up to date with what is not settled on past sessions.
-- What awaits a second witness, or is not expected any more, is no gap: such gaps are withdrawn, neither filled nor
-- open.
-- $1 underlying_id integer: whose gaps
-- $2 days date[]: of the sessions
-- $3 opens timestamptz[]
-- $4 closes timestamptz[]
-- $5 series text[]: of the options
-- $6 underlying_series text[]
-- $7 now timestamptz
-- $8 run_id integer
-- $9 gap_type text: of those without one of their own
-- $10 known_contract_ids integer[]: contracts with a gap type of their own
-- $11 known_series text[]
-- $12 known_reasons text[]: these types
-- $13 pending integer[]: contract ids whose last slots are not due yet
-- $14 pending_since timestamptz[]: from which instant on, by contract
WITH session AS (
    SELECT day, tstzrange(opens, closes) AS slots
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[]) AS t (day, opens, closes)
),
contract AS (
    SELECT
        chain.id AS contract_id,
        life.selected
        * datemultirange(
            daterange(
                (SELECT min(day) FROM session),
                least(chain.expiration_date, (SELECT max(day) FROM session)),
                '[]'
            )
        ) AS days
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $1::integer
        AND chain.expiration_date >= (SELECT min(day) FROM session)
),
expected AS (
    SELECT
        life.days,
        range_agg(session.slots) AS slots,
        tstzmultirange(range_merge(range_agg(session.slots))) AS whole
    FROM (SELECT DISTINCT days FROM contract) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
-- One whole number names an instrument: a contract's id, or an underlying's below zero. What is settled has few ranges,
-- and so has the rest of the whole span; its common part with the slots is found twice as fast as their difference.
unsettled AS (
    SELECT
        contract_id AS instrument,
        what_to_show,
        expected.slots * (expected.whole - coalesce(coverage.settled, '{}')) AS slots
    FROM contract
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($5::text[]) AS series (what_to_show)
    LEFT JOIN request_coverage AS coverage USING (contract_id, what_to_show)
    UNION ALL
    SELECT -$1::integer, series.what_to_show, whole.slots - coalesce(coverage.settled, '{}')
    FROM (SELECT range_agg(slots) AS slots FROM expected) AS whole
    CROSS JOIN unnest($6::text[]) AS series (what_to_show)
    LEFT JOIN request_coverage AS coverage
        ON coverage.underlying_id = $1::integer AND coverage.what_to_show = series.what_to_show
    WHERE whole.slots IS NOT NULL
),
own AS (
    SELECT
        gap.*,
        coalesce(gap.contract_id, -gap.underlying_id) AS instrument,
        tstzrange(gap.gap_start, gap.gap_end) AS slots,
        coalesce(coverage.settled, '{}') AS settled
    FROM historical_data_gaps AS gap
    LEFT JOIN request_coverage AS coverage
        ON coverage.what_to_show = gap.what_to_show
        AND (coverage.contract_id = gap.contract_id OR coverage.underlying_id = gap.underlying_id)
    WHERE gap.state <> 'filled'
        AND (
            gap.underlying_id = $1::integer
            OR gap.contract_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
        )
        AND gap.what_to_show = ANY($5::text[] || $6::text[])
        AND (SELECT range_agg(slots) FROM session) @> tstzrange(gap.gap_start, gap.gap_end)
),
lost AS (
    SELECT instrument, what_to_show, range_agg(slots) AS slots
    FROM own
    WHERE state = 'lost'
    GROUP BY instrument, what_to_show
),
already AS (
    SELECT instrument, what_to_show, range_agg(slots) AS slots
    FROM own
    WHERE state = 'open'
    GROUP BY instrument, what_to_show
),
awaiting AS (
    SELECT
        coalesce(contract_id, -underlying_id) AS instrument,
        what_to_show,
        range_agg(span) AS slots
    FROM negative_claims
    WHERE state = 'awaiting'
        AND (
            underlying_id = $1::integer
            OR contract_id IN (SELECT id FROM option_chains WHERE underlying_id = $1::integer)
        )
    GROUP BY instrument, what_to_show
),
-- What is pending is no gap; but what has been recorded as one stays one until it is settled.
missing AS (
    SELECT
        instrument,
        what_to_show,
        CASE
            WHEN pending.since IS NULL THEN unsettled.slots
            ELSE unsettled.slots * (tstzmultirange(tstzrange(NULL, pending.since)) + coalesce(already.slots, '{}'))
        END - coalesce(lost.slots, '{}') - coalesce(awaiting.slots, '{}') AS slots
    FROM unsettled
    LEFT JOIN lost USING (instrument, what_to_show)
    LEFT JOIN awaiting USING (instrument, what_to_show)
    LEFT JOIN already USING (instrument, what_to_show)
    LEFT JOIN unnest($13::integer[], $14::timestamptz[]) AS pending (instrument, since) USING (instrument)
),
known AS (
    SELECT
        gap.id,
        gap.instrument,
        gap.what_to_show,
        gap.gap_type,
        gap.detected_at,
        gap.detected_run_id,
        gap.slots,
        tstzmultirange(gap.slots) * coalesce(missing.slots, '{}') AS still,
        tstzmultirange(gap.slots) * gap.settled AS done
    FROM own AS gap
    LEFT JOIN missing USING (instrument, what_to_show)
    WHERE gap.state = 'open'
),
-- What was given up and came all the same is filled, too.
filled AS (
    UPDATE historical_data_gaps AS gap
    SET state = 'filled', backfilled = true, backfilled_at = $7::timestamptz, backfill_run_id = $8::integer
    FROM own
    WHERE gap.id = own.id AND own.settled @> own.slots
    RETURNING gap.id
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
        contract_id, underlying_id, what_to_show, state, gap_start, gap_end, gap_type, detected_at, detected_run_id,
        backfilled, backfilled_at, backfill_run_id
    )
    SELECT
        CASE WHEN instrument > 0 THEN instrument END,
        CASE WHEN instrument < 0 THEN -instrument END,
        what_to_show, 'filled', lower(part), upper(part), gap_type, detected_at, detected_run_id,
        true, $7::timestamptz, $8::integer
    FROM known
    CROSS JOIN unnest(known.done) AS part
    WHERE known.done <> tstzmultirange(known.slots)
    RETURNING id
),
recorded AS (
    SELECT instrument, what_to_show, range_agg(part) AS slots
    FROM (
        SELECT
            instrument,
            what_to_show,
            (SELECT part FROM unnest(known.still) AS part ORDER BY part LIMIT 1) AS part
        FROM known
        WHERE NOT isempty(known.still)
    ) AS first_piece
    GROUP BY instrument, what_to_show
),
opened AS (
    INSERT INTO historical_data_gaps (
        contract_id, underlying_id, what_to_show, gap_start, gap_end, gap_type, detected_at, detected_run_id
    )
    SELECT
        CASE WHEN missing.instrument > 0 THEN missing.instrument END,
        CASE WHEN missing.instrument < 0 THEN -missing.instrument END,
        missing.what_to_show,
        lower(part),
        upper(part),
        coalesce(earlier.gap_type, reason.gap_type, $9::text),
        coalesce(earlier.detected_at, $7::timestamptz),
        coalesce(earlier.detected_run_id, $8::integer)
    FROM missing
    LEFT JOIN recorded USING (instrument, what_to_show)
    CROSS JOIN unnest(missing.slots - coalesce(recorded.slots, '{}')) AS part
    LEFT JOIN unnest($10::integer[], $11::text[], $12::text[]) AS reason (instrument, what_to_show, gap_type)
        ON reason.instrument = missing.instrument AND reason.what_to_show = missing.what_to_show
    LEFT JOIN LATERAL (
        SELECT known.gap_type, known.detected_at, known.detected_run_id
        FROM known
        WHERE known.instrument = missing.instrument
            AND known.what_to_show = missing.what_to_show
            AND known.still @> part
        LIMIT 1
    ) AS earlier ON true
    RETURNING detected_at
)
SELECT
    (SELECT count(*) FROM opened) AS opened,
    (SELECT count(*) FROM filled) + (SELECT count(*) FROM filled_in_part) AS closed
