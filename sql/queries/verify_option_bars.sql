-- Stored option bars of a session that break a rule, by rule.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 underlying_id integer: whose contracts
-- $4 session_open timestamptz
-- $5 session_close timestamptz
-- $6 crossed integer: the bits that tell of a crossing
SELECT
    rule,
    count(*) AS bars,
    min(contract_symbol) AS example
FROM (
    SELECT
        contract.contract_symbol,
        unnest(
            array_remove(
                ARRAY[
                    -- The wicks reach beyond open and close: one below zero is a bar whose high or low lies inside.
                    CASE WHEN bar.up < 0 THEN 'high below the bar' END,
                    CASE WHEN bar.down < 0 THEN 'low above the bar' END,
                    CASE
                        WHEN least(bar.bid_up, bar.bid_down, bar.ask_up, bar.ask_down) < 0
                            THEN 'quote outside its own range'
                    END,
                    CASE
                        WHEN least(bar.open, bar.close) - greatest(bar.down, 0) <= 0 THEN 'trade at no price'
                        WHEN least(bar.bid_close, bar.ask_close) < 0 THEN 'negative quote'
                    END,
                    CASE WHEN bar.volume < 0 OR bar.bar_count < 0 THEN 'negative volume' END,
                    CASE
                        WHEN extract(EPOCH FROM bar.time - $4::timestamptz) % extract(EPOCH FROM $2::interval) <> 0
                            THEN 'off the grid'
                    END,
                    CASE
                        WHEN bar.bid_close > bar.ask_close AND bar.flags & $6::integer = 0 THEN 'crossed without a flag'
                    END,
                    CASE
                        WHEN bar.greeks_version IS NOT NULL
                            AND (bar.greeks_reason IS NULL
                                OR (bar.greeks_reason <= 1) <> (bar.implied_volatility IS NOT NULL))
                            THEN 'volatility without its reason'
                    END,
                    CASE
                        WHEN bar.close IS NOT NULL AND NOT coalesce(trades.covered @> bar.time, false)
                            THEN 'trade in a slot that is not covered'
                        WHEN bar.bid_close IS NOT NULL AND NOT coalesce(bids.covered @> bar.time, false)
                            THEN 'bid in a slot that is not covered'
                        WHEN bar.ask_close IS NOT NULL AND NOT coalesce(asks.covered @> bar.time, false)
                            THEN 'ask in a slot that is not covered'
                    END
                ],
                NULL
            )
        ) AS rule
    FROM option_chains AS contract
    INNER JOIN store.option_bars_5min AS bar ON bar.contract_id = contract.id
    LEFT JOIN request_coverage AS trades
        ON trades.instrument_id = contract.id AND trades.data_set = $1::smallint AND trades.what_to_show = 'TRADES'
    LEFT JOIN request_coverage AS bids
        ON bids.instrument_id = contract.id AND bids.data_set = $1::smallint AND bids.what_to_show = 'BID'
    LEFT JOIN request_coverage AS asks
        ON asks.instrument_id = contract.id AND asks.data_set = $1::smallint AND asks.what_to_show = 'ASK'
    WHERE contract.underlying_id = $3::integer
        AND bar.time >= $4::timestamptz
        AND bar.time < $5::timestamptz
) AS broken
GROUP BY rule
ORDER BY rule
