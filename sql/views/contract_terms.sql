-- Under which terms a contract was listed when: those before a split or another corporate action, and the present ones.
-- A bar is told under the terms of its own time: since is not after it, and until is.
CREATE OR REPLACE VIEW contract_terms AS
SELECT
    contract_id,
    lag(until) OVER (PARTITION BY contract_id ORDER BY until) AS since,
    until,
    contract_symbol,
    expiration_date,
    strike_price,
    option_type,
    multiplier,
    exchange,
    trading_class,
    currency
FROM (
    SELECT
        contract_id,
        until,
        contract_symbol,
        expiration_date,
        strike_price,
        option_type,
        multiplier,
        exchange,
        trading_class,
        currency
    FROM earlier_contract_terms
    UNION ALL
    SELECT
        id AS contract_id,
        NULL::timestamptz AS until,
        contract_symbol,
        expiration_date,
        strike_price,
        option_type,
        multiplier,
        exchange,
        trading_class,
        currency
    FROM option_chains
) AS terms
