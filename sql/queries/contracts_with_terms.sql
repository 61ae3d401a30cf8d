-- Every option contract, a row for each time that its terms were the same.
SELECT
    terms.contract_id,
    contract.underlying_id,
    contract.symbol,
    terms.contract_symbol,
    terms.expiration_date,
    terms.strike_price,
    terms.option_type,
    terms.multiplier,
    terms.exchange,
    terms.trading_class,
    terms.currency,
    contract.source,
    contract.source_id,
    life.first_seen,
    life.last_seen,
    terms.since,
    terms.until
FROM contract_terms AS terms
INNER JOIN option_contracts AS contract ON contract.id = terms.contract_id
LEFT JOIN option_contract_lifecycle AS life ON life.contract_id = terms.contract_id
ORDER BY terms.contract_id, terms.until
