-- Contracts of an underlying that were listed on a day, under their terms of that day.
-- $1 underlying_id integer: whose contracts
-- $2 day date: in New York
SELECT
    terms.contract_id,
    terms.contract_symbol,
    terms.expiration_date,
    terms.strike_price::float8 AS strike_price,
    terms.option_type,
    terms.multiplier,
    terms.exchange,
    terms.trading_class,
    terms.currency,
    life.listed_since,
    life.last_seen,
    life.selected @> $2::date AS selected
FROM contract_terms AS terms
INNER JOIN option_chains AS chain ON chain.id = terms.contract_id
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = terms.contract_id
WHERE chain.underlying_id = $1::integer
    AND terms.expiration_date >= $2::date
    AND life.listed_since <= $2::date
    -- Whoever has vanished was listed until then; the others are.
    AND (life.status <> 'vanished' OR life.last_seen >= $2::date)
    AND (terms.since IS NULL OR terms.since < ($2::date + 1)::timestamp AT TIME ZONE 'America/New_York')
    AND (terms.until IS NULL OR terms.until >= ($2::date + 1)::timestamp AT TIME ZONE 'America/New_York')
ORDER BY terms.expiration_date, terms.strike_price, terms.option_type, terms.contract_id
