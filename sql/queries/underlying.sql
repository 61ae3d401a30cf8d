-- The underlying of a symbol.
-- $1 symbol text
SELECT
    underlying.id,
    underlying.symbol,
    instrument.source_id,
    underlying.name,
    underlying.sec_type,
    underlying.exchange,
    underlying.primary_exchange,
    underlying.currency
FROM underlying_securities AS underlying
INNER JOIN instruments AS instrument ON instrument.kind = 'underlying' AND instrument.underlying_id = underlying.id
WHERE underlying.symbol = $1::text
