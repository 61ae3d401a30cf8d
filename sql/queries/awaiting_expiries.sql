-- Contracts that expire on a session and lack nothing of it but second witnesses.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
-- $3 session_open timestamptz
-- $4 session_close timestamptz
-- $5 series text[]
SELECT chain.id
FROM option_chains AS chain
WHERE chain.underlying_id = $1::integer
    AND chain.expiration_date = $2::date
    AND NOT EXISTS (
        SELECT
        FROM unnest($5::text[]) AS series (what_to_show)
        LEFT JOIN request_coverage AS coverage
            ON coverage.contract_id = chain.id AND coverage.what_to_show = series.what_to_show
        CROSS JOIN LATERAL (
            SELECT coalesce(range_agg(claim.span), '{}') AS spans
            FROM negative_claims AS claim
            WHERE claim.contract_id = chain.id
                AND claim.what_to_show = series.what_to_show
                AND claim.session_date = $2::date
                AND claim.state = 'awaiting'
        ) AS awaiting
        WHERE NOT (coalesce(coverage.settled, '{}') + awaiting.spans) @> tstzrange($3::timestamptz, $4::timestamptz)
    )
