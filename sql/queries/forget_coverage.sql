-- Forget what is covered and settled of a session, so that it is asked for again.
-- $1 data_set_id smallint
-- $2 symbols text[]
-- $3 start timestamptz
-- $4 end timestamptz: of what is forgotten
-- $5 today date: in New York; what expired before it can never be asked for again, so forgetting would lose it
UPDATE request_coverage AS coverage
SET
    covered = covered - tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)),
    settled = settled - tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)),
    single_witness = single_witness - tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz))
WHERE coverage.data_set = $1::smallint
    AND coverage.covered && tstzrange($3::timestamptz, $4::timestamptz)
    AND coverage.instrument_id IN (
        SELECT contract.id
        FROM option_chains AS contract
        INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
        WHERE underlying.symbol = ANY($2::text[]) AND contract.expiration_date >= $5::date
        UNION ALL
        SELECT -id FROM underlying_securities WHERE symbol = ANY($2::text[])
    )
