-- Return the id of an underlying; one that is not known is added, to be looked up at the source by the next run.
-- $1 symbol text
-- $2 currency text
-- $3 now timestamptz
WITH added AS (
    INSERT INTO underlying_securities (symbol, ib_con_id, sec_type, exchange, currency, created_at, updated_at)
    SELECT
        $1::text,
        (SELECT least(min(ib_con_id), 0) - 1 FROM underlying_securities),
        'STK',
        'SMART',
        $2::text,
        $3::timestamptz,
        $3::timestamptz
    ON CONFLICT (symbol) DO NOTHING
    RETURNING id
)
SELECT id FROM added
UNION ALL
SELECT id FROM underlying_securities WHERE symbol = $1::text
LIMIT 1
