-- Forget what is covered and settled of a session, so that it is asked for again.
-- $1 data_set_id smallint
-- $2 symbols text[]
-- $3 start timestamptz
-- $4 end timestamptz: of what is forgotten
-- $5 today date: in New York; what expired before it can never be asked for again, so forgetting would lose it
WITH known AS (
    SELECT
        coverage.instrument_id,
        coverage.what_to_show,
        (coverage.covered + coverage.settled + coverage.single_witness) * forgotten AS slots
    FROM request_coverage AS coverage
    CROSS JOIN tstzmultirange(tstzrange($3::timestamptz, $4::timestamptz)) AS forgotten
    WHERE coverage.data_set = $1::smallint
        AND coverage.covered && forgotten
        AND coverage.instrument_id IN (
            SELECT contract.id
            FROM option_chains AS contract
            INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
            WHERE underlying.symbol = ANY($2::text[]) AND contract.expiration_date >= $5::date
            UNION ALL
            SELECT -id FROM underlying_securities WHERE symbol = ANY($2::text[])
        )
),
forgotten AS (
    UPDATE request_coverage AS coverage
    SET
        covered = coverage.covered - known.slots,
        settled = coverage.settled - known.slots,
        single_witness = coverage.single_witness - known.slots
    FROM known
    WHERE coverage.instrument_id = known.instrument_id
        AND coverage.data_set = $1::smallint
        AND coverage.what_to_show = known.what_to_show
    RETURNING coverage.instrument_id
)
SELECT
    (SELECT count(*) FROM forgotten) AS series,
    (
        SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day))
        FROM known
        CROSS JOIN LATERAL store.days_of(slots) AS day
    ) AS changes
