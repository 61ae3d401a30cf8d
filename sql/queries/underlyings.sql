-- The underlying of a symbol, or all that are active, by symbol.
-- $1 symbol text: NULL is all
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
WHERE underlying.symbol = $1::text OR ($1::text IS NULL AND underlying.active)
ORDER BY underlying.symbol
