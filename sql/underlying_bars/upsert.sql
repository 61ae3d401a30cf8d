-- Write the staged bars of underlyings that differ from the stored ones, and count the staged rows; see upsert_option_bars.
-- An adjusted close that is told anew is no revision of the session: see readjusted.
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
        range_agg(now_covered) FILTER (WHERE what_to_show = '{series}') AS second_now,
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
        range_agg(settled) FILTER (
            WHERE what_to_show = '{series}' AND what_to_show <> 'ADJUSTED_LAST'
        ) AS second
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
        coalesce(new.{column}, old.{column}) AS {column},
        -- A byte a series (00ff TRADES, ff00 the second): a new bar resets its own. The bits of quarantine (128, 32768) go
        -- with any answer for the slot, and come where a refused bar leaves the series without a value.
        (
            coalesce(old.flags, 0)
            & ~(
                CASE WHEN new.close IS NULL THEN 0 ELSE x'00ff'::integer END
                | CASE WHEN new.{column} IS NULL THEN 0 ELSE x'ff00'::integer END
                | CASE WHEN answered.trades_now @> time THEN 128 ELSE 0 END
                | CASE WHEN answered.second_now @> time THEN 32768 ELSE 0 END
            )
        )
        | (
            coalesce(new.flags, 0)
            & ~(
                CASE WHEN old.close IS NULL THEN 0 ELSE 128 END
                | CASE WHEN old.{column} IS NULL THEN 0 ELSE 32768 END
            )
        ) AS flags,
        NOT coalesce(answered.complete @> time, false) AS has_gaps,
        new.close IS NOT NULL
        AND (new.open, new.high, new.low, new.close, new.volume, new.bar_count, new.vwap)
        IS DISTINCT FROM (old.open, old.high, old.low, old.close, old.volume, old.bar_count, old.vwap) AS trades_differ,
        new.{column} IS NOT NULL AND new.{column} IS DISTINCT FROM old.{column} AS second_differs,
        old.open AS old_open,
        old.high AS old_high,
        old.low AS old_low,
        old.close AS old_close,
        old.volume AS old_volume,
        old.bar_count AS old_bar_count,
        old.vwap AS old_vwap,
        old.{column} AS old_{column},
        old.flags AS old_flags,
        old.has_gaps AS old_has_gaps
    FROM (
        SELECT *
        FROM stage_{bars}
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
            {column},
            flags,
            has_gaps
        FROM store.{bars}
        WHERE underlying_id = ANY($1::integer[]) AND time >= $2::timestamptz AND time < $3::timestamptz
    ) AS old
        USING (underlying_id, time)
    LEFT JOIN answered USING (underlying_id)
),
differing AS (
    SELECT *, trades_differ OR second_differs OR flags <> old_flags AS changed
    FROM merged
    WHERE NOT stored OR trades_differ OR second_differs OR has_gaps <> old_has_gaps OR flags <> old_flags
),
changed AS (
    SELECT underlying_id, (time AT TIME ZONE 'UTC')::date AS day
    FROM differing
    GROUP BY underlying_id, day
),
written AS (
    INSERT INTO store.{bars} (
        underlying_id, time, open, up, down, close, volume, bar_count, vwap_off, {column}, flags,
        has_gaps, collection_run_id, created_at, updated_at
    )
    SELECT
        underlying_id, time, open, high - greatest(open, close), least(open, close) - low, close, volume, bar_count,
        vwap - close, {column}, flags, has_gaps, $5::integer, $6::timestamptz, $6::timestamptz
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
        {column} = excluded.{column},
        flags = excluded.flags,
        has_gaps = excluded.has_gaps,
        collection_run_id = excluded.collection_run_id,
        updated_at = excluded.updated_at
),
revised AS (
    INSERT INTO bar_revisions (
        instrument_id, data_set, time, open, high, low, close, volume, bar_count, vwap, {column}, replaced_at, run_id
    )
    SELECT
        -underlying_id, $7::smallint, time, old_open * 0.0001, old_high * 0.0001, old_low * 0.0001, old_close * 0.0001,
        old_volume * 0.0001, old_bar_count, old_vwap * 0.0001, old_{column} * 0.0001, $6::timestamptz, $5::integer
    FROM differing
    INNER JOIN final USING (underlying_id)
    WHERE (trades_differ AND final.trades @> time) OR (second_differs AND final.second @> time)
)
SELECT
    (SELECT count(*) FROM merged WHERE staged) AS staged,
    (SELECT count(*) FROM differing WHERE staged AND NOT stored) AS inserted,
    (SELECT count(*) FROM differing WHERE staged AND stored AND changed) AS updated,
    (SELECT store.note_changes($7::smallint, array_agg(-underlying_id), array_agg(day)) FROM changed) AS changes
