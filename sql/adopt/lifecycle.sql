-- Give adopted contracts a life: seen on the days of their bars, not selected (the next run selects what it wants).
INSERT INTO option_contract_lifecycle (contract_id, first_seen, listed_since, last_seen, status)
SELECT
    chain.id,
    coalesce(min(bar.time)::date, chain.created_at::date),
    coalesce(min(bar.time)::date, chain.created_at::date),
    coalesce(max(bar.time)::date, chain.created_at::date),
    CASE WHEN chain.expiration_date < (now() AT TIME ZONE 'America/New_York')::date THEN 'expired' ELSE 'listed' END
FROM option_chains AS chain
LEFT JOIN store.option_bars_5min AS bar ON bar.contract_id = chain.id
GROUP BY chain.id
ON CONFLICT DO NOTHING
