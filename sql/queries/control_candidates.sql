-- Living contracts near the money, with the last slot of a session for which each series has a bar.
-- $1 underlying_id integer: whose contracts
-- $2 today date: in New York
-- $3 spot numeric: NULL is not known
-- $4 session_start timestamptz
-- $5 session_end timestamptz
-- $6 count integer: how many contracts at most
WITH near AS (
    SELECT contract.*
    FROM option_contracts AS contract
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
    WHERE contract.underlying_id = $1::integer
        AND contract.expiration_date >= $2::date
        AND NOT isempty(life.selected)
    ORDER BY abs(contract.strike_price - coalesce($3::numeric, contract.strike_price)), contract.expiration_date, contract.id
    LIMIT $6::integer
)
SELECT
    near.id,
    near.symbol,
    near.source_id,
    near.expiration_date,
    near.strike_price,
    near.option_type,
    near.multiplier,
    near.exchange,
    near.trading_class,
    near.currency,
    last.trades,
    last.bids,
    last.asks
FROM near
CROSS JOIN LATERAL (
    SELECT
        max(bar.time) FILTER (WHERE bar.volume > 0) AS trades,
        max(bar.time) FILTER (WHERE bar.bid_close IS NOT NULL) AS bids,
        max(bar.time) FILTER (WHERE bar.ask_close IS NOT NULL) AS asks
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id = near.id AND bar.time >= $4::timestamptz AND bar.time < $5::timestamptz
) AS last
WHERE coalesce(last.trades, last.bids, last.asks) IS NOT NULL
