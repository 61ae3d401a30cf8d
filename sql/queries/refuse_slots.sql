-- Take from what is covered and settled the slots whose bars were refused: they have to be asked for again.
-- What has settled with a value keeps it: a bar that cannot be true says nothing against one that came before.
WITH staged AS (
    SELECT contract_id, underlying_id, what_to_show, refused
    FROM stage_coverage
    WHERE NOT isempty(refused)
),
valued AS (
    SELECT staged.contract_id, staged.underlying_id, staged.what_to_show, bar.time
    FROM staged
    INNER JOIN store.option_bars_5min AS bar
        ON bar.contract_id = staged.contract_id
        AND bar.time >= lower(staged.refused)
        AND bar.time < upper(staged.refused)
        AND staged.refused @> bar.time
    WHERE CASE staged.what_to_show
        WHEN 'TRADES' THEN bar.close
        WHEN 'BID' THEN bar.bid_close
        WHEN 'ASK' THEN bar.ask_close
    END IS NOT NULL
    UNION ALL
    SELECT staged.contract_id, staged.underlying_id, staged.what_to_show, bar.time
    FROM staged
    INNER JOIN store.underlying_bars_5min AS bar
        ON bar.underlying_id = staged.underlying_id
        AND bar.time >= lower(staged.refused)
        AND bar.time < upper(staged.refused)
        AND staged.refused @> bar.time
    WHERE CASE staged.what_to_show
        WHEN 'TRADES' THEN bar.close
        WHEN 'OPTION_IMPLIED_VOLATILITY' THEN bar.implied_volatility
    END IS NOT NULL
),
kept AS (
    SELECT contract_id, underlying_id, what_to_show, range_agg(tstzrange(time, time + INTERVAL '5 minutes')) AS slots
    FROM valued
    GROUP BY contract_id, underlying_id, what_to_show
)
UPDATE request_coverage AS series
SET
    covered = series.covered - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    settled = series.settled - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    single_witness = series.single_witness - (staged.refused - series.settled * coalesce(kept.slots, '{}'))
FROM staged
LEFT JOIN kept
    ON kept.what_to_show = staged.what_to_show
    AND (kept.contract_id = staged.contract_id OR kept.underlying_id = staged.underlying_id)
WHERE series.what_to_show = staged.what_to_show
    AND (series.contract_id = staged.contract_id OR series.underlying_id = staged.underlying_id)
