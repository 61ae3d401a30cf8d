-- Series-slots by symbol that await a second witness, and that one witness has settled.
-- $1 span_start timestamptz
-- $2 span_end timestamptz
WITH single AS (
    SELECT coalesce(chain.underlying_id, coverage.underlying_id) AS id, sum(upper(part) - lower(part)) AS spent
    FROM request_coverage AS coverage
    LEFT JOIN option_chains AS chain ON chain.id = coverage.contract_id
    CROSS JOIN LATERAL unnest(
        coverage.single_witness * tstzmultirange(tstzrange($1::timestamptz, $2::timestamptz))
    ) AS part
    GROUP BY 1
),
awaiting AS (
    SELECT coalesce(chain.underlying_id, claim.underlying_id) AS id, sum(upper(claim.span) - lower(claim.span)) AS spent
    FROM negative_claims AS claim
    LEFT JOIN option_chains AS chain ON chain.id = claim.contract_id
    WHERE claim.state = 'awaiting' AND claim.span && tstzrange($1::timestamptz, $2::timestamptz)
    GROUP BY 1
)
SELECT
    underlying.symbol,
    coalesce(extract(EPOCH FROM awaiting.spent)::bigint / 300, 0) AS awaiting,
    coalesce(extract(EPOCH FROM single.spent)::bigint / 300, 0) AS single_witness
FROM underlying_securities AS underlying
LEFT JOIN awaiting USING (id)
LEFT JOIN single USING (id)
