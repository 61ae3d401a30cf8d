-- Give the underlying that the source knows by a number its new symbol.
-- Where another underlying has that symbol, it gets the number, too: who had it waits without one, and it is kept.
-- $1 symbol text
-- $2 source_id integer: the source's number
-- $3 now timestamptz
WITH renamed AS (
    UPDATE underlying_securities AS known
    SET
        symbol = CASE WHEN taken.yes THEN known.symbol ELSE $1::text END,
        ib_con_id = CASE WHEN taken.yes THEN -known.id ELSE known.ib_con_id END,
        active = known.active AND NOT taken.yes,
        updated_at = $3::timestamptz
    FROM (SELECT EXISTS (SELECT FROM underlying_securities WHERE symbol = $1::text) AS yes) AS taken
    WHERE known.ib_con_id = $2::integer
        AND known.symbol <> $1::text
    RETURNING known.id, known.source, known.created_at, taken.yes AS freed
)
INSERT INTO earlier_source_ids (instrument_id, source, source_id, since, until)
SELECT
    -renamed.id,
    renamed.source,
    $2::integer,
    coalesce((SELECT max(until) FROM earlier_source_ids WHERE instrument_id = -renamed.id), renamed.created_at),
    $3::timestamptz
FROM renamed
WHERE renamed.freed
