-- When the latest bar of a few of an underlying's contracts in a session starts, NULL without any.
-- Of those that are selected and expire first: a look at each is an index's, one at all of them would read the session.
-- $1 underlying_id integer: whose contracts
-- $2 day date: of the session
-- $3 session_open timestamptz
-- $4 session_close timestamptz
SELECT max(newest.time) AS latest
FROM (
    SELECT chain.id
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $1::integer
        AND chain.expiration_date >= $2::date
        AND life.selected @> $2::date
    ORDER BY chain.expiration_date, chain.id
    LIMIT 50
) AS contract
CROSS JOIN LATERAL (
    SELECT bar.time
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id = contract.id AND bar.time >= $3::timestamptz AND bar.time < $4::timestamptz
    ORDER BY bar.time DESC
    LIMIT 1
) AS newest
