-- Expect nothing of an underlying on sessions before its first bar, and return their slots; NULL where there are none.
-- They are settled without a bar in {series}, of which one answer with bars told all, and TRADES was
-- called empty there, too. Claims and gaps go with the expectation.
-- $1 data_set_id smallint
-- $2 underlying_id integer
-- $3 days date[]: of the sessions on which its bars are expected
-- $4 starts timestamptz[]: of their slots
-- $5 ends timestamptz[]
WITH unlisted AS (
    SELECT
        range_agg(daterange(session.day, session.day, '[]')) AS days,
        range_agg(tstzrange(session.starts, session.ends)) AS slots
    FROM unnest($3::date[], $4::timestamptz[], $5::timestamptz[]) AS session (day, starts, ends)
    WHERE session.starts < (
        SELECT min(bar.time)
        FROM store.{bars} AS bar
        WHERE bar.underlying_id = $2::integer AND coalesce(bar.close, bar.{column}) IS NOT NULL
    )
),
told AS (
    SELECT unlisted.*
    FROM unlisted
    INNER JOIN request_coverage AS trades
        ON trades.instrument_id = -$2::integer
        AND trades.data_set = $1::smallint
        AND trades.what_to_show = 'TRADES'
        AND trades.covered @> unlisted.slots
    INNER JOIN request_coverage AS whole
        ON whole.instrument_id = -$2::integer
        AND whole.data_set = $1::smallint
        AND whole.what_to_show = '{series}'
        AND whole.settled @> unlisted.slots
),
forgotten AS (
    DELETE FROM negative_claims AS claim
    USING told
    WHERE claim.instrument_id = -$2::integer AND claim.data_set = $1::smallint AND told.slots @> claim.span
    RETURNING claim.session_date, claim.state
),
changed AS (
    SELECT day::date AS day
    FROM told
    INNER JOIN underlying_selections AS known ON known.underlying_id = $2::integer AND known.data_set = $1::smallint
    CROSS JOIN unnest(known.selected * told.days) AS part
    CROSS JOIN LATERAL generate_series(lower(part), upper(part) - 1, INTERVAL '1 day') AS day
    UNION
    SELECT session_date
    FROM forgotten
    WHERE state = 'awaiting'
),
deselected AS (
    UPDATE underlying_selections AS known
    SET selected = known.selected - datemultirange(daterange(NULL, upper(told.days)))
    FROM told
    WHERE known.underlying_id = $2::integer AND known.data_set = $1::smallint
),
withdrawn AS (
    DELETE FROM historical_data_gaps AS gap
    USING told
    WHERE gap.instrument_id = -$2::integer
        AND gap.data_set = $1::smallint
        AND gap.state = 'open'
        AND told.slots @> tstzrange(gap.gap_start, gap.gap_end)
)
SELECT
    slots,
    (SELECT store.note_changes($1::smallint, array_agg(-$2::integer), array_agg(day)) FROM changed) AS changes
FROM told
