-- Living contracts near the money, with the last slot of a session for which each series has a bar.
-- $1 underlying id, $2 New York day, $3 spot (NULL: not known), $4 the session's open, $5 its close, $6 how many.
WITH near AS (
    SELECT chain.*
    FROM option_chains AS chain
    INNER JOIN option_contract_lifecycle AS life ON life.contract_id = chain.id
    WHERE chain.underlying_id = $1::integer
        AND chain.expiration_date >= $2::date
        AND NOT isempty(life.selected)
    ORDER BY abs(chain.strike_price - coalesce($3::numeric, chain.strike_price)), chain.expiration_date, chain.id
    LIMIT $6::integer
)
SELECT
    near.id,
    underlying.symbol,
    near.ib_con_id,
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
INNER JOIN underlying_securities AS underlying ON underlying.id = near.underlying_id
CROSS JOIN LATERAL (
    SELECT
        max(bar.time) FILTER (WHERE bar.volume > 0) AS trades,
        max(bar.time) FILTER (WHERE bar.bid_close IS NOT NULL) AS bids,
        max(bar.time) FILTER (WHERE bar.ask_close IS NOT NULL) AS asks
    FROM option_bars_5min AS bar
    WHERE bar.contract_id = near.id AND bar.time >= $4::timestamptz AND bar.time < $5::timestamptz
) AS last
WHERE coalesce(last.trades, last.bids, last.asks) IS NOT NULL
