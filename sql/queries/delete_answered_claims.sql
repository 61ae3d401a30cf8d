-- Forget claims of which some slots have settled since; what is left of them is asked again.
-- $1 underlying_id integer: whose claims, its contracts' included
WITH deleted AS (
    DELETE FROM negative_claims AS claim
    USING request_coverage AS coverage
    WHERE coverage.instrument_id = claim.instrument_id
        AND coverage.data_set = claim.data_set
        AND coverage.what_to_show = claim.what_to_show
        AND coverage.settled && claim.span
        AND claim.instrument_id IN (
            SELECT id FROM option_chains WHERE underlying_id = $1::integer
            UNION ALL
            SELECT -$1::integer
        )
    RETURNING
        claim.instrument_id,
        claim.data_set,
        claim.session_date,
        -- Slots that have settled await nothing any more, and were counted as they settled.
        claim.state = 'awaiting' AND NOT coverage.settled @> claim.span AS tells
),
noted AS (
    SELECT store.note_changes(data_set, array_agg(instrument_id), array_agg(session_date)) AS changes
    FROM deleted
    WHERE tells
    GROUP BY data_set
    ORDER BY data_set
)
SELECT
    (SELECT count(*) FROM deleted) AS claims,
    (SELECT sum(changes) FROM noted) AS changes
