-- Write the staged underlying bars that differ from the stored ones, and count the staged rows; see upsert_option_bars.
-- $1 underlying_ids integer[]
-- $2 start timestamptz: literal bounds, so that other chunks stay shut
-- $3 end timestamptz
-- $4 series text[]: the configured ones
-- $5 run_id integer
-- $6 now timestamptz
-- $7 data_set_id smallint
WITH after AS (
    SELECT
        -instrument_id AS underlying_id,
        what_to_show,
        (coalesce(old.covered, '{}') + coalesce(new.covered, '{}'))
        * tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)) AS covered,
        new.covered AS now_covered
    FROM (
        SELECT *
        FROM request_coverage
        WHERE instrument_id IN (SELECT -id FROM unnest($1::integer[]) AS id) AND data_set = $7::smallint
    ) AS old
    FULL JOIN (
        SELECT *
        FROM stage_coverage
        WHERE instrument_id IN (SELECT -id FROM unnest($1::integer[]) AS id) AND data_set = $7::smallint
    ) AS new
        USING (instrument_id, what_to_show)
),
answered AS (
    SELECT
        underlying_id,
        range_agg(now_covered) FILTER (WHERE what_to_show = 'TRADES') AS trades_now,
        range_agg(now_covered) FILTER (WHERE what_to_show = 'OPTION_IMPLIED_VOLATILITY') AS volatility_now,
        CASE
            WHEN count(*) FILTER (WHERE what_to_show = ANY($4::text[])) = cardinality($4::text[])
                THEN range_intersect_agg(covered) FILTER (WHERE what_to_show = ANY($4::text[]))
            ELSE '{}'
        END AS complete
    FROM after
    GROUP BY underlying_id
),
final AS (
    SELECT
        -instrument_id AS underlying_id,
        range_agg(settled) FILTER (WHERE what_to_show = 'TRADES') AS trades,
        range_agg(settled) FILTER (WHERE what_to_show = 'OPTION_IMPLIED_VOLATILITY') AS volatility
    FROM request_coverage
    WHERE instrument_id IN (SELECT -id FROM unnest($1::integer[]) AS id) AND data_set = $7::smallint
    GROUP BY instrument_id
),
merged AS (
    SELECT
        underlying_id,
        time,
        new.flags IS NOT NULL AS staged,
        old.flags IS NOT NULL AS stored,
        CASE WHEN new.close IS NULL THEN old.open ELSE new.open END AS open,
        CASE WHEN new.close IS NULL THEN old.high ELSE new.high END AS high,
        CASE WHEN new.close IS NULL THEN old.low ELSE new.low END AS low,
        CASE WHEN new.close IS NULL THEN old.close ELSE new.close END AS close,
        CASE WHEN new.close IS NULL THEN old.volume ELSE new.volume END AS volume,
        CASE WHEN new.close IS NULL THEN old.bar_count ELSE new.bar_count END AS bar_count,
        CASE WHEN new.close IS NULL THEN old.vwap ELSE new.vwap END AS vwap,
        coalesce(new.implied_volatility, old.implied_volatility) AS implied_volatility,
        -- A byte a series (00ff TRADES, ff00 volatility): a new bar resets its own. The bits of quarantine (128, 32768) go
        -- with any answer for the slot, and come where a refused bar leaves the series without a value.
        (
            coalesce(old.flags, 0)
            & ~(
                CASE WHEN new.close IS NULL THEN 0 ELSE x'00ff'::integer END
                | CASE WHEN new.implied_volatility IS NULL THEN 0 ELSE x'ff00'::integer END
                | CASE WHEN answered.trades_now @> time THEN 128 ELSE 0 END
                | CASE WHEN answered.volatility_now @> time THEN 32768 ELSE 0 END
            )
        )
        | (
            coalesce(new.flags, 0)
            & ~(
                CASE WHEN old.close IS NULL THEN 0 ELSE 128 END
                | CASE WHEN old.implied_volatility IS NULL THEN 0 ELSE 32768 END
            )
        ) AS flags,
        NOT coalesce(answered.complete @> time, false) AS has_gaps,
        new.close IS NOT NULL
        AND (new.open, new.high, new.low, new.close, new.volume, new.bar_count, new.vwap)
        IS DISTINCT FROM (old.open, old.high, old.low, old.close, old.volume, old.bar_count, old.vwap) AS trades_differ,
        new.implied_volatility IS NOT NULL
        AND new.implied_volatility IS DISTINCT FROM old.implied_volatility AS volatility_differs,
        old.open AS old_open,
        old.high AS old_high,
        old.low AS old_low,
        old.close AS old_close,
        old.volume AS old_volume,
        old.bar_count AS old_bar_count,
        old.vwap AS old_vwap,
        old.implied_volatility AS old_implied_volatility,
        old.flags AS old_flags,
        old.has_gaps AS old_has_gaps
    FROM (
        SELECT *
        FROM stage_underlying_bars
        WHERE underlying_id = ANY($1::integer[])
    ) AS new
    FULL JOIN (
        SELECT
            underlying_id,
            time,
            open,
            greatest(open, close) + up AS high,
            least(open, close) - down AS low,
            close,
            volume,
            bar_count,
            close + vwap_off AS vwap,
            implied_volatility,
            flags,
            has_gaps
        FROM store.underlying_bars_5min
        WHERE underlying_id = ANY($1::integer[]) AND time >= $2::timestamptz AND time < $3::timestamptz
    ) AS old
        USING (underlying_id, time)
    LEFT JOIN answered USING (underlying_id)
),
differing AS (
    SELECT *, trades_differ OR volatility_differs OR flags <> old_flags AS changed
    FROM merged
    WHERE NOT stored OR trades_differ OR volatility_differs OR has_gaps <> old_has_gaps OR flags <> old_flags
),
written AS (
    INSERT INTO store.underlying_bars_5min (
        underlying_id, time, open, up, down, close, volume, bar_count, vwap_off, implied_volatility, flags,
        has_gaps, collection_run_id, created_at, updated_at
    )
    SELECT
        underlying_id, time, open, high - greatest(open, close), least(open, close) - low, close, volume, bar_count,
        vwap - close, implied_volatility, flags, has_gaps, $5::integer, $6::timestamptz, $6::timestamptz
    FROM differing
    ON CONFLICT (underlying_id, time) DO UPDATE
    SET
        open = excluded.open,
        up = excluded.up,
        down = excluded.down,
        close = excluded.close,
        volume = excluded.volume,
        bar_count = excluded.bar_count,
        vwap_off = excluded.vwap_off,
        implied_volatility = excluded.implied_volatility,
        flags = excluded.flags,
        has_gaps = excluded.has_gaps,
        collection_run_id = excluded.collection_run_id,
        updated_at = excluded.updated_at
),
revised AS (
    INSERT INTO bar_revisions (
        instrument_id, data_set, time, open, high, low, close, volume, bar_count, vwap, implied_volatility, replaced_at, run_id
    )
    SELECT
        -underlying_id, $7::smallint, time, old_open * 0.0001, old_high * 0.0001, old_low * 0.0001, old_close * 0.0001,
        old_volume * 0.0001, old_bar_count, old_vwap * 0.0001, old_implied_volatility * 0.0001, $6::timestamptz,
        $5::integer
    FROM differing
    INNER JOIN final USING (underlying_id)
    WHERE (trades_differ AND final.trades @> time) OR (volatility_differs AND final.volatility @> time)
)
SELECT
    (SELECT count(*) FROM merged WHERE staged) AS staged,
    (SELECT count(*) FROM differing WHERE staged AND NOT stored) AS inserted,
    (SELECT count(*) FROM differing WHERE staged AND stored AND changed) AS updated
