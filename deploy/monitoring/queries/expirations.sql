-- Is what expires safe?
SELECT
    contract.expiration_date AS expires,
    underlying.symbol,
    count(*) AS contracts,
    count(*) FILTER (WHERE life.expiry_collected) AS "collected to the end",
    count(*) FILTER (
        WHERE EXISTS (SELECT FROM historical_data_gaps AS gap WHERE gap.instrument_id = contract.id AND gap.state = 'lost')
    ) AS "with losses"
FROM option_chains AS contract
INNER JOIN underlying_securities AS underlying ON underlying.id = contract.underlying_id
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
WHERE contract.expiration_date BETWEEN $__timeFrom()::timestamptz::date AND $__timeTo()::timestamptz::date + 7
    AND NOT isempty(life.selected)
GROUP BY contract.expiration_date, underlying.symbol
ORDER BY contract.expiration_date, underlying.symbol
