-- Selected contracts that expired between two days: settled on their last session, lost there in part, or neither yet.
-- $1 first date: day
-- $2 last date: day, included
SELECT
    count(*) FILTER (WHERE life.expiry_collected) AS saved,
    count(*) FILTER (WHERE NOT life.expiry_collected AND gone.instrument_id IS NULL) AS at_risk,
    count(*) FILTER (WHERE NOT life.expiry_collected AND gone.instrument_id IS NOT NULL) AS lost
FROM option_chains AS chain
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
LEFT JOIN (SELECT DISTINCT instrument_id FROM historical_data_gaps WHERE state = 'lost') AS gone
    ON gone.instrument_id = chain.id
WHERE chain.expiration_date BETWEEN $1::date AND $2::date AND life.selected @> chain.expiration_date
