-- Contracts that expire on a session, or before there is another one, and lack nothing of it but second witnesses.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 session_day date
-- $4 span_start timestamptz: of the session's slots
-- $5 span_end timestamptz
-- $6 series text[]
-- $7 next_day date: of the next session
SELECT chain.id
FROM option_chains AS chain
WHERE chain.underlying_id = $2::integer
    AND chain.expiration_date >= $3::date
    AND chain.expiration_date < $7::date
    AND NOT EXISTS (
        SELECT
        FROM unnest($6::text[]) AS series (what_to_show)
        LEFT JOIN request_coverage AS coverage
            ON coverage.instrument_id = chain.id
            AND coverage.data_set = $1::smallint
            AND coverage.what_to_show = series.what_to_show
        CROSS JOIN LATERAL (
            SELECT coalesce(range_agg(claim.span), '{}') AS spans
            FROM negative_claims AS claim
            WHERE claim.instrument_id = chain.id
                AND claim.data_set = $1::smallint
                AND claim.what_to_show = series.what_to_show
                AND claim.session_date = $3::date
                AND claim.state = 'awaiting'
        ) AS awaiting
        WHERE NOT (coalesce(coverage.settled, '{}') + awaiting.spans) @> tstzrange($4::timestamptz, $5::timestamptz)
    )
