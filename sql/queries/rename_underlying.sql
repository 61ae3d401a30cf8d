-- Give the underlying that IB knows by a number its new symbol; where another has that symbol, free the number for it.
-- $1 symbol text
-- $2 source_id integer: IB's number
-- $3 now timestamptz
UPDATE underlying_securities AS known
SET
    symbol = CASE WHEN taken.yes THEN known.symbol ELSE $1::text END,
    ib_con_id = CASE WHEN taken.yes THEN -known.id ELSE known.ib_con_id END,
    active = known.active AND NOT taken.yes,
    updated_at = $3::timestamptz
FROM (SELECT EXISTS (SELECT FROM underlying_securities WHERE symbol = $1::text) AS yes) AS taken
WHERE known.ib_con_id = $2::integer
    AND known.symbol <> $1::text
