-- Forget what is covered and settled of a session, so that it is asked for again.
-- $1 symbols text[]
-- $2 session_open timestamptz
-- $3 session_next_open timestamptz: of the session that follows
-- $4 today date: in New York; what expired before it can never be asked for again, so forgetting would lose it
UPDATE request_coverage AS coverage
SET
    covered = covered - tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)),
    settled = settled - tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)),
    single_witness = single_witness - tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz))
WHERE covered && tstzrange($2::timestamptz, $3::timestamptz)
    AND (
        coverage.underlying_id IN (SELECT id FROM underlying_securities WHERE symbol = ANY($1::text[]))
        OR coverage.contract_id IN (
            SELECT contract.id
            FROM option_chains AS contract
            INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
            WHERE underlying.symbol = ANY($1::text[]) AND contract.expiration_date >= $4::date
        )
    )
