-- Take from what is covered and settled the slots whose bars were refused: they have to be asked for again.
-- What has settled with a value keeps it: a bar that cannot be true says nothing against one that came before.
-- $1 data_set_id smallint
-- $2 bar_size interval
WITH staged AS (
    SELECT instrument_id, data_set, what_to_show, refused
    FROM stage_coverage
    WHERE data_set = $1::smallint AND NOT isempty(refused)
),
valued AS (
    SELECT staged.instrument_id, staged.what_to_show, bar.time
    FROM staged
    INNER JOIN data_sets AS kind ON kind.id = staged.data_set AND kind.name = 'option_bars_5min'
    INNER JOIN store.option_bars_5min AS bar
        ON bar.contract_id = staged.instrument_id
        AND bar.time >= lower(staged.refused)
        AND bar.time < upper(staged.refused)
        AND staged.refused @> bar.time
    WHERE CASE staged.what_to_show
        WHEN 'TRADES' THEN bar.close
        WHEN 'BID' THEN bar.bid_close
        WHEN 'ASK' THEN bar.ask_close
    END IS NOT NULL
    UNION ALL
    SELECT staged.instrument_id, staged.what_to_show, bar.time
    FROM staged
    INNER JOIN data_sets AS kind ON kind.id = staged.data_set AND kind.name = 'underlying_bars_5min'
    INNER JOIN store.underlying_bars_5min AS bar
        ON bar.underlying_id = -staged.instrument_id
        AND bar.time >= lower(staged.refused)
        AND bar.time < upper(staged.refused)
        AND staged.refused @> bar.time
    WHERE CASE staged.what_to_show
        WHEN 'TRADES' THEN bar.close
        WHEN 'OPTION_IMPLIED_VOLATILITY' THEN bar.implied_volatility
    END IS NOT NULL
),
kept AS (
    SELECT instrument_id, what_to_show, range_agg(tstzrange(time, time + $2::interval)) AS slots
    FROM valued
    GROUP BY instrument_id, what_to_show
)
UPDATE request_coverage AS series
SET
    covered = series.covered - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    settled = series.settled - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    single_witness = series.single_witness - (staged.refused - series.settled * coalesce(kept.slots, '{}'))
FROM staged
LEFT JOIN kept USING (instrument_id, what_to_show)
WHERE series.instrument_id = staged.instrument_id
    AND series.data_set = staged.data_set
    AND series.what_to_show = staged.what_to_show
