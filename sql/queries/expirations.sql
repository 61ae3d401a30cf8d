-- What is known of the expirations of symbols: chains as last read, and the days on which a selected contract expires.
-- $1 symbols text[]
-- $2 since date: the first of these days
-- $3 last_day date: the last of them
SELECT
    underlying.chain_asked_on,
    underlying.chain_expirations,
    ARRAY(
        SELECT found.expiration_date
        FROM generate_series($2::date, $3::date, INTERVAL '1 day') AS day (day)
        CROSS JOIN LATERAL (
            SELECT contract.expiration_date
            FROM option_chains AS contract
            INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
            WHERE contract.underlying_id = underlying.id
                AND contract.expiration_date = day.day::date
                AND life.selected @> contract.expiration_date
            LIMIT 1
        ) AS found
    ) AS selected
FROM underlying_securities AS underlying
WHERE underlying.symbol = ANY($1::text[])
