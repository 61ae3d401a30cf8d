-- Count the earlier system's rows of options that are no bars, by what they are. Its loader of history asked for middles,
-- put a bid and an ask 1 % below and above each, at least a cent, and 100 contracts on either side.
SELECT
    CASE
        WHEN
            said ->> 'tick_type' = 'HISTORICAL'
            AND (said ->> 'bid_size')::numeric = 100
            AND (said ->> 'ask_size')::numeric = 100
            AND abs((said ->> 'bid_price')::numeric - greatest((said ->> 'last_price')::numeric * 0.99, 0.01)) <= 0.0001
            AND abs((said ->> 'ask_price')::numeric - (said ->> 'last_price')::numeric * 1.01) <= 0.0001
            THEN 'computed_quote'
        ELSE 'no_bar'
    END AS reason,
    count(*) AS rows
FROM earlier_system.market_data_ticks AS earlier, LATERAL to_jsonb(earlier) AS said
GROUP BY 1
