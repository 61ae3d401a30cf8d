-- Selected contracts that expired between two days, by whether their last session is settled: $1 first day, $2 last day.
SELECT
    count(*) FILTER (WHERE life.expiry_collected) AS saved,
    count(*) FILTER (WHERE NOT life.expiry_collected) AS lost
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
WHERE chain.expiration_date BETWEEN $1::date AND $2::date AND life.selected @> chain.expiration_date
