-- Sessions of contracts that are not complete, with the one word that says most; packed, eight bytes a session.
-- A number is contract_id × 2^32 + the session's place in the list × 2^8 + its state: 5 lost (some of it can never be
-- fetched), 6 quarantined (a bar came that cannot be true), 4 nothing (no answer at all), 2 awaiting (all that is open
-- awaits a second witness), 3 partial. NULL where all are complete.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 days date[]: of the sessions, ascending
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
-- $6 series text[]
WITH session AS (
    SELECT day, tstzrange(starts, ends) AS slots, place
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) WITH ORDINALITY AS t (day, starts, ends, place)
),
contract AS (
    SELECT
        life.contract_id AS instrument_id,
        life.selected * datemultirange(
            daterange(
                (SELECT min(day) FROM session),
                least(chain.expiration_date, (SELECT max(day) FROM session)),
                '[]'
            )
        ) AS days
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $2::integer AND chain.expiration_date >= (SELECT min(day) FROM session)
),
expected AS (
    SELECT life.days, range_agg(session.slots) AS slots
    FROM (SELECT DISTINCT days FROM contract) AS life
    INNER JOIN session ON life.days @> session.day
    GROUP BY life.days
),
-- Most series lack nothing, which is seen in a third of the time that a difference takes; the others are few.
lacking AS MATERIALIZED (
    SELECT instrument_id, configured.what_to_show, expected.slots - coalesce(coverage.settled, '{}') AS unsettled
    FROM contract
    INNER JOIN expected USING (days)
    CROSS JOIN unnest($6::text[]) AS configured (what_to_show)
    LEFT JOIN (
        SELECT instrument_id, what_to_show, settled FROM request_coverage WHERE data_set = $1::smallint
    ) AS coverage USING (instrument_id, what_to_show)
    WHERE (coverage.settled @> expected.slots) IS NOT TRUE
),
open AS MATERIALIZED (
    SELECT
        lacking.instrument_id,
        lacking.what_to_show,
        session.place,
        session.slots,
        lacking.unsettled * tstzmultirange(session.slots) AS unsettled
    FROM lacking
    INNER JOIN session ON lacking.unsettled && session.slots
),
lost AS (
    SELECT DISTINCT open.instrument_id, open.place
    FROM open
    INNER JOIN historical_data_gaps AS gap USING (instrument_id, what_to_show)
    WHERE gap.data_set = $1::smallint AND gap.state = 'lost' AND open.unsettled && tstzrange(gap.gap_start, gap.gap_end)
),
refused AS (
    SELECT DISTINCT open.instrument_id, open.place
    FROM open
    INNER JOIN quarantined_bars AS bad USING (instrument_id, what_to_show)
    WHERE bad.data_set = $1::smallint AND open.unsettled @> bad.time
),
awaiting AS (
    SELECT open.instrument_id, open.what_to_show, open.place, range_agg(claim.span) @> open.unsettled AS whole
    FROM open
    INNER JOIN negative_claims AS claim USING (instrument_id, what_to_show)
    WHERE claim.data_set = $1::smallint AND claim.state = 'awaiting' AND open.slots && claim.span
    GROUP BY open.instrument_id, open.what_to_show, open.place, open.unsettled
),
answered AS (
    -- Any series of the contract counts, also one that lacks nothing.
    SELECT DISTINCT open.instrument_id, open.place
    FROM (SELECT DISTINCT instrument_id, place, slots FROM open) AS open
    INNER JOIN request_coverage AS coverage USING (instrument_id)
    WHERE coverage.data_set = $1::smallint AND coverage.what_to_show = ANY($6::text[]) AND coverage.covered && open.slots
),
state AS (
    SELECT
        open.instrument_id,
        open.place,
        CASE
            WHEN bool_or(lost.place IS NOT NULL) THEN 5
            WHEN bool_or(refused.place IS NOT NULL) THEN 6
            WHEN bool_and(coalesce(awaiting.whole, false)) THEN 2
            WHEN bool_and(answered.place IS NULL) THEN 4
            ELSE 3
        END AS state
    FROM open
    LEFT JOIN lost USING (instrument_id, place)
    LEFT JOIN refused USING (instrument_id, place)
    LEFT JOIN awaiting USING (instrument_id, what_to_show, place)
    LEFT JOIN answered USING (instrument_id, place)
    GROUP BY open.instrument_id, open.place
)
SELECT string_agg(int8send((instrument_id::bigint << 32) + ((place - 1) << 8) + state), '') AS states
FROM state
