-- Series-slots by symbol that await a second witness, and that one witness has settled.
-- $1 span_start timestamptz
-- $2 span_end timestamptz
WITH single AS (
    SELECT coverage.instrument_id, sum(extract(EPOCH FROM upper(part) - lower(part)) / kind.bar_seconds) AS slots
    FROM request_coverage AS coverage
    INNER JOIN data_sets AS kind ON kind.id = coverage.data_set
    CROSS JOIN LATERAL unnest(
        coverage.single_witness * tstzmultirange(tstzrange($1::timestamptz, $2::timestamptz))
    ) AS part
    GROUP BY coverage.instrument_id
),
awaiting AS (
    SELECT claim.instrument_id, sum(extract(EPOCH FROM upper(claim.span) - lower(claim.span)) / kind.bar_seconds) AS slots
    FROM negative_claims AS claim
    INNER JOIN data_sets AS kind ON kind.id = claim.data_set
    WHERE claim.state = 'awaiting' AND claim.span && tstzrange($1::timestamptz, $2::timestamptz)
    GROUP BY claim.instrument_id
),
instrument AS (
    SELECT id AS instrument_id, underlying_id FROM option_chains
    UNION ALL
    SELECT -id, id FROM underlying_securities
)
SELECT
    underlying.symbol,
    coalesce(sum(awaiting.slots), 0)::bigint AS awaiting,
    coalesce(sum(single.slots), 0)::bigint AS single_witness
FROM underlying_securities AS underlying
LEFT JOIN instrument ON instrument.underlying_id = underlying.id
LEFT JOIN awaiting USING (instrument_id)
LEFT JOIN single USING (instrument_id)
GROUP BY underlying.symbol
