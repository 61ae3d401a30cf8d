-- Contracts that IB lists, by expiration, strike and right.
-- How long those of the very first reading of a chain are listed nobody knows.
-- $1 underlying_id integer: whose contracts
-- $2 first date: expiration
-- $3 last date: expiration, included
-- $4 on date: those that were listed on this day already; NULL is all
SELECT
    contract.id,
    contract.symbol,
    contract.source_id,
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    contract.multiplier,
    contract.exchange,
    contract.trading_class,
    contract.currency
FROM option_contracts AS contract
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date BETWEEN $2::date AND $3::date
    AND contract.active
    AND (
        $4::date IS NULL
        OR life.listed_since <= greatest(
            $4::date,
            (
                SELECT min(first.first_seen)
                FROM option_contract_lifecycle AS first
                INNER JOIN option_chains AS any_contract ON any_contract.id = first.contract_id
                WHERE any_contract.underlying_id = $1::integer
            )
        )
    )
ORDER BY contract.expiration_date, contract.strike_price, contract.option_type
