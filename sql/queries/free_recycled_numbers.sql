-- Take the numbers from contracts that had them before the source gave them to others; they are kept with their dates.
-- An expiration or a right that differs tells so: what a corporate action changes is strike and symbol. An expiration that
-- has not passed may have been corrected: then it is the same contract.
-- $1 source_ids integer[]: the source's numbers
-- $2 expirations date[]
-- $3 rights text[]
-- $4 now timestamptz
WITH freed AS (
    UPDATE option_chains AS known
    SET ib_con_id = -known.id, updated_at = $4::timestamptz
    FROM unnest($1::integer[], $2::date[], $3::text[]) AS given (source_id, expiration_date, option_type)
    WHERE known.ib_con_id = given.source_id
        AND (
            known.option_type <> given.option_type
            OR (
                known.expiration_date <> given.expiration_date
                AND known.expiration_date < ($4::timestamptz AT TIME ZONE 'America/New_York')::date
            )
        )
    RETURNING known.id, known.underlying_id, known.created_at, given.source_id
)
INSERT INTO earlier_source_ids (instrument_id, source, source_id, since, until)
SELECT
    freed.id,
    underlying.source,
    freed.source_id,
    coalesce((SELECT max(until) FROM earlier_source_ids WHERE instrument_id = freed.id), freed.created_at),
    $4::timestamptz
FROM freed
INNER JOIN underlying_securities AS underlying ON underlying.id = freed.underlying_id
