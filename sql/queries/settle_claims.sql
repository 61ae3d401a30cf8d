-- Settle claims, and forget them.
-- $1 instruments integer[]: an underlying's id is below zero
-- $2 series text[]
-- $3 starts timestamptz[]: of the claims
-- $4 ends timestamptz[]
-- $5 single boolean[]: whether one witness speaks for it
WITH ruled AS (
    DELETE FROM negative_claims AS claim
    USING unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::boolean[]) AS given (
        instrument, what_to_show, starts, ends, single
    )
    WHERE claim.what_to_show = given.what_to_show
        AND claim.span = tstzrange(given.starts, given.ends)
        AND (claim.contract_id = given.instrument OR claim.underlying_id = -given.instrument)
    RETURNING claim.contract_id, claim.underlying_id, claim.what_to_show, claim.span, given.single
),
spans AS (
    SELECT
        contract_id,
        underlying_id,
        what_to_show,
        range_agg(span) AS whole,
        coalesce(range_agg(span) FILTER (WHERE single), '{}') AS single
    FROM ruled
    GROUP BY contract_id, underlying_id, what_to_show
)
UPDATE request_coverage AS coverage
SET
    covered = coverage.covered + spans.whole,
    settled = coverage.settled + spans.whole,
    single_witness = coverage.single_witness + spans.single
FROM spans
WHERE coverage.what_to_show = spans.what_to_show
    AND (coverage.contract_id = spans.contract_id OR coverage.underlying_id = spans.underlying_id)
