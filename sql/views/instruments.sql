-- Every instrument of every source: a contract by its id, an underlying by minus its id.
-- symbol: the underlying's, of both. source_id: the source's own number (IB's conId), below 0 while it has told none.
CREATE OR REPLACE VIEW instruments AS
SELECT
    id,
    'option' AS kind,
    source,
    source_id,
    symbol,
    underlying_id,
    calendar,
    currency
FROM option_contracts
UNION ALL
SELECT
    -id AS id,
    'underlying' AS kind,
    source,
    ib_con_id AS source_id,
    symbol,
    id AS underlying_id,
    calendar,
    currency
FROM underlying_securities
