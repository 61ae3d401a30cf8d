-- Contracts that are selected for a session, their series, and how long the covered parts of these are together.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the slots that count
-- $5 span_end timestamptz
-- $6 series text[]
WITH contract AS (
    SELECT chain.id
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $2::integer AND chain.expiration_date >= $3::date AND life.selected @> $3::date
),
whole AS (
    SELECT tstzrange($4::timestamptz, $5::timestamptz) AS span
)
SELECT
    (SELECT count(*) FROM contract) AS contracts,
    (SELECT count(*) FROM contract) * cardinality($6::text[]) AS series,
    coalesce(
        sum(
            CASE
                WHEN coverage.covered @> whole.span THEN upper(whole.span) - lower(whole.span)
                ELSE (
                    SELECT sum(upper(part) - lower(part))
                    FROM unnest(coverage.covered * tstzmultirange(whole.span)) AS part
                )
            END
        ),
        INTERVAL '0'
    ) AS covered
FROM request_coverage AS coverage
INNER JOIN contract ON contract.id = coverage.instrument_id
CROSS JOIN whole
WHERE coverage.data_set = $1::smallint AND coverage.what_to_show = ANY($6::text[])
