-- Write the staged option bars that differ from the stored ones, and count the staged rows.
-- Coverage is read before the staged one is merged into it. A row of which only has_gaps changes is written, and counts
-- as identical: IB sent the same values.
-- Prices are compared as they are staged, in ten-thousandths of a USD; the table's units and wicks are made at the end.
-- $1 contract_ids integer[]
-- $2 start timestamptz: literal bounds, so that other chunks stay shut
-- $3 end timestamptz
-- $4 series text[]: the configured ones
-- $5 run_id integer
-- $6 now timestamptz
-- $7 data_set_id smallint
WITH after AS (
    -- Each series' coverage as it will be; FULL, since a series may be new, or not asked for now.
    SELECT
        instrument_id AS contract_id,
        what_to_show,
        (coalesce(old.covered, '{}') + coalesce(new.covered, '{}'))
        * tstzmultirange(tstzrange($2::timestamptz, $3::timestamptz)) AS covered,
        -- Where silence means that nobody traded: a session without any bar says nothing until it has settled.
        coalesce(old.settled, '{}') + (coalesce(new.covered, '{}') - coalesce(new.empty, '{}')) AS told,
        new.covered AS now_covered
    FROM (SELECT * FROM request_coverage WHERE instrument_id = ANY($1::integer[]) AND data_set = $7::smallint) AS old
    FULL JOIN (SELECT * FROM stage_coverage WHERE instrument_id = ANY($1::integer[]) AND data_set = $7::smallint) AS new
        USING (instrument_id, what_to_show)
),
-- The same, a row a contract. "now": by this batch.
answered AS (
    SELECT
        contract_id,
        coalesce(range_agg(told) FILTER (WHERE what_to_show = 'TRADES'), '{}') AS trades,
        range_agg(now_covered) FILTER (WHERE what_to_show = 'TRADES') AS trades_now,
        range_agg(now_covered) FILTER (WHERE what_to_show = 'BID') AS bid_now,
        range_agg(now_covered) FILTER (WHERE what_to_show = 'ASK') AS ask_now,
        -- A configured series without a row would not take part in the intersection, and no gap be seen.
        CASE
            WHEN count(*) FILTER (WHERE what_to_show = ANY($4::text[])) = cardinality($4::text[])
                THEN range_intersect_agg(covered) FILTER (WHERE what_to_show = ANY($4::text[]))
            ELSE '{}'
        END AS complete
    FROM after
    GROUP BY contract_id
),
-- What had settled before: only such values go to bar_revisions when replaced; others were provisional.
final AS (
    SELECT
        instrument_id AS contract_id,
        range_agg(settled) FILTER (WHERE what_to_show = 'TRADES') AS trades,
        range_agg(settled) FILTER (WHERE what_to_show = 'BID') AS bid,
        range_agg(settled) FILTER (WHERE what_to_show = 'ASK') AS ask
    FROM request_coverage
    WHERE instrument_id = ANY($1::integer[]) AND data_set = $7::smallint
    GROUP BY instrument_id
),
-- Contracts whose configured series all came for the same slots: their flags were judged by the whole row.
together AS (
    SELECT
        instrument_id AS contract_id,
        count(*) = cardinality($4::text[]) AND count(DISTINCT covered) = 1 AS whole
    FROM stage_coverage
    WHERE instrument_id = ANY($1::integer[]) AND data_set = $7::smallint AND what_to_show = ANY($4::text[])
    GROUP BY instrument_id
),
-- Staged and stored rows side by side. Stored ones without a staged one are needed, too: coverage alone can change
-- has_gaps, volume and flags. `flags` is never NULL, so it tells which side has a row.
compared AS MATERIALIZED (
    SELECT
        contract_id,
        time,
        new.flags IS NOT NULL AS staged,
        old.flags IS NOT NULL AS stored,
        -- A trade bar counts whole: coalesce would add the old vwap to a new bar without one.
        CASE WHEN new.close IS NULL THEN old.open ELSE new.open END AS open,
        CASE WHEN new.close IS NULL THEN old.high ELSE new.high END AS high,
        CASE WHEN new.close IS NULL THEN old.low ELSE new.low END AS low,
        CASE WHEN new.close IS NULL THEN old.close ELSE new.close END AS close,
        CASE
            WHEN new.close IS NOT NULL THEN new.volume
            -- A refused bar: somebody may have traded. Without this the slot would say 0 once it is covered.
            WHEN old.close IS NULL AND (new.flags & 128 <> 0 OR (old.flags & 128 <> 0 AND NOT freed.trades)) THEN NULL
            WHEN answered.trades @> time THEN coalesce(old.volume, 0)
            ELSE old.volume
        END AS volume,
        CASE WHEN new.close IS NULL THEN old.bar_count ELSE new.bar_count END AS bar_count,
        CASE WHEN new.close IS NULL THEN old.vwap ELSE new.vwap END AS vwap,
        coalesce(new.bid_open, old.bid_open) AS bid_open, coalesce(new.bid_high, old.bid_high) AS bid_high,
        coalesce(new.bid_low, old.bid_low) AS bid_low, coalesce(new.bid_close, old.bid_close) AS bid_close,
        coalesce(new.ask_open, old.ask_open) AS ask_open, coalesce(new.ask_high, old.ask_high) AS ask_high,
        coalesce(new.ask_low, old.ask_low) AS ask_low, coalesce(new.ask_close, old.ask_close) AS ask_close,
        new.flags AS new_flags,
        coalesce(together.whole, false) AS whole,
        -- Bits of quarantine: 128 TRADES, 32768 BID, 8388608 ASK.
        CASE WHEN freed.trades THEN 128 ELSE 0 END
        | CASE WHEN freed.bid THEN 32768 ELSE 0 END
        | CASE WHEN freed.ask THEN 8388608 ELSE 0 END AS freed,
        -- A bar that cannot be true says nothing against a stored value.
        coalesce(new.flags, 0)
        & (
            CASE WHEN old.close IS NULL THEN 128 ELSE 0 END
            | CASE WHEN old.bid_close IS NULL THEN 32768 ELSE 0 END
            | CASE WHEN old.ask_close IS NULL THEN 8388608 ELSE 0 END
        ) AS refused,
        new.close IS NOT NULL AS trades_given,
        new.bid_close IS NOT NULL AS bid_given,
        new.ask_close IS NOT NULL AS ask_given,
        NOT coalesce(answered.complete @> time, false) AS has_gaps,
        new.close IS NOT NULL
        AND (new.open, new.high, new.low, new.close, new.volume, new.bar_count, new.vwap)
        IS DISTINCT FROM (old.open, old.high, old.low, old.close, old.volume, old.bar_count, old.vwap) AS trades_differ,
        -- A quote that was stored by its close alone is filled, not revised: coalesce makes the rest equal.
        new.bid_close IS NOT NULL
        AND (new.bid_open, new.bid_high, new.bid_low, new.bid_close)
        IS DISTINCT FROM (
            coalesce(old.bid_open, new.bid_open), coalesce(old.bid_high, new.bid_high),
            coalesce(old.bid_low, new.bid_low), old.bid_close
        ) AS bid_differs,
        new.ask_close IS NOT NULL
        AND (new.ask_open, new.ask_high, new.ask_low, new.ask_close)
        IS DISTINCT FROM (
            coalesce(old.ask_open, new.ask_open), coalesce(old.ask_high, new.ask_high),
            coalesce(old.ask_low, new.ask_low), old.ask_close
        ) AS ask_differs,
        (new.bid_close IS NOT NULL AND old.bid_close IS NOT NULL AND old.bid_open IS NULL)
        OR (new.ask_close IS NOT NULL AND old.ask_close IS NOT NULL AND old.ask_open IS NULL) AS filled,
        (new.bid_close IS NOT NULL AND new.bid_close IS DISTINCT FROM old.bid_close)
        OR (new.ask_close IS NOT NULL AND new.ask_close IS DISTINCT FROM old.ask_close) AS mid_differs,
        old.open AS old_open, old.high AS old_high, old.low AS old_low, old.close AS old_close, old.volume AS old_volume,
        old.bar_count AS old_bar_count, old.vwap AS old_vwap, old.bid_open AS old_bid_open, old.bid_high AS old_bid_high,
        old.bid_low AS old_bid_low, old.bid_close AS old_bid_close, old.ask_open AS old_ask_open,
        old.ask_high AS old_ask_high, old.ask_low AS old_ask_low, old.ask_close AS old_ask_close,
        old.flags AS old_flags, old.has_gaps AS old_has_gaps, old.greeks_version
    FROM (SELECT * FROM stage_option_bars WHERE contract_id = ANY($1::integer[])) AS new
    FULL JOIN (
        SELECT
            contract_id, time, open * unit AS open, (greatest(open, close) + up) * unit AS high,
            (least(open, close) - down) * unit AS low, close * unit AS close, volume, bar_count,
            close * unit + vwap_off AS vwap, bid_open * unit AS bid_open,
            (greatest(bid_open, bid_close) + bid_up) * unit AS bid_high,
            (least(bid_open, bid_close) - bid_down) * unit AS bid_low, bid_close * unit AS bid_close,
            ask_open * unit AS ask_open, (greatest(ask_open, ask_close) + ask_up) * unit AS ask_high,
            (least(ask_open, ask_close) - ask_down) * unit AS ask_low, ask_close * unit AS ask_close, flags, has_gaps,
            greeks_version
        FROM store.option_bars_5min
        WHERE contract_id = ANY($1::integer[]) AND time >= $2::timestamptz AND time < $3::timestamptz
    ) AS old
        USING (contract_id, time)
    LEFT JOIN answered USING (contract_id)
    LEFT JOIN together USING (contract_id)
    -- Quarantine ends with any answer of the series for the slot that does not refuse it again.
    CROSS JOIN LATERAL (
        SELECT
            coalesce(old.flags & 128 <> 0 AND answered.trades_now @> time AND coalesce(new.flags, 0) & 128 = 0, false)
            AS trades,
            coalesce(old.flags & 32768 <> 0 AND answered.bid_now @> time AND coalesce(new.flags, 0) & 32768 = 0, false)
            AS bid,
            coalesce(old.flags & 8388608 <> 0 AND answered.ask_now @> time AND coalesce(new.flags, 0) & 8388608 = 0, false)
            AS ask
    ) AS freed
),
-- Flags, a byte a series (0000ff TRADES, 00ff00 BID, ff0000 ASK; SlotFlag names the bits). A series is judged anew when
-- its value differs, or all came together; otherwise its bits stay: an answer by itself cannot see what took the others
-- to see, and would clear it. A filled quote adds what its open, high and low show. fb leaves out the bits of a crossing
-- (040400), which is read from the merged row, in whatever order its sides came.
merged AS MATERIALIZED (
    SELECT
        *,
        CASE
            WHEN (whole AND trades_given) OR trades_differ THEN new_flags & x'0000ff'::integer
            ELSE coalesce(old_flags, 0) & ~freed & x'0000ff'::integer
        END
        | CASE
            WHEN (whole AND bid_given) OR bid_differs THEN new_flags & x'00fb00'::integer
            ELSE (coalesce(old_flags, 0) & ~freed | CASE WHEN filled AND bid_given THEN new_flags ELSE 0 END) & x'00fb00'::integer
        END
        | CASE
            WHEN (whole AND ask_given) OR ask_differs THEN new_flags & x'fb0000'::integer
            ELSE (coalesce(old_flags, 0) & ~freed | CASE WHEN filled AND ask_given THEN new_flags ELSE 0 END) & x'fb0000'::integer
        END
        | CASE WHEN bid_close > ask_close THEN x'040400'::integer ELSE 0 END
        | refused AS flags
    FROM compared
),
differing AS (
    SELECT
        *,
        -- Cents, unless a price has finer digits.
        CASE num_nonnulls(
            nullif(open % 100, 0), nullif(high % 100, 0), nullif(low % 100, 0), nullif(close % 100, 0),
            nullif(bid_open % 100, 0), nullif(bid_high % 100, 0), nullif(bid_low % 100, 0), nullif(bid_close % 100, 0),
            nullif(ask_open % 100, 0), nullif(ask_high % 100, 0), nullif(ask_low % 100, 0), nullif(ask_close % 100, 0)
        ) WHEN 0 THEN 100 ELSE 1 END AS unit
    FROM merged
    CROSS JOIN LATERAL (
        SELECT
            trades_differ OR bid_differs OR ask_differs OR filled OR flags <> old_flags
            OR volume IS DISTINCT FROM old_volume AS changed
    ) AS judged
    WHERE NOT stored OR changed OR has_gaps <> old_has_gaps
),
-- As the table holds it: open and close in units, the wicks beyond them.
packed AS NOT MATERIALIZED (
    SELECT
        contract_id, time, stored, open / unit AS open, (high - greatest(open, close)) / unit AS up,
        (least(open, close) - low) / unit AS down, close / unit AS close,
        bid_open / unit AS bid_open, (bid_high - greatest(bid_open, bid_close)) / unit AS bid_up,
        (least(bid_open, bid_close) - bid_low) / unit AS bid_down, bid_close / unit AS bid_close,
        ask_open / unit AS ask_open, (ask_high - greatest(ask_open, ask_close)) / unit AS ask_up,
        (least(ask_open, ask_close) - ask_low) / unit AS ask_down, ask_close / unit AS ask_close,
        vwap - close AS vwap_off, volume, bar_count, flags, unit,
        -- Greeks rest on the trade and the middle: NULL has them computed again.
        CASE WHEN NOT (trades_differ OR mid_differs) THEN greeks_version END AS greeks_version,
        has_gaps
    FROM differing
),
changed AS (
    SELECT contract_id, (time AT TIME ZONE 'UTC')::date AS day
    FROM differing
    GROUP BY contract_id, day
),
-- A plain INSERT is twice as fast as an upsert.
added AS (
    INSERT INTO store.option_bars_5min (
        contract_id, time, open, up, down, close, bid_open, bid_up, bid_down, bid_close, ask_open, ask_up, ask_down,
        ask_close, vwap_off, volume, bar_count, flags, unit, greeks_version, has_gaps, collection_run_id, created_at,
        updated_at
    )
    SELECT
        contract_id, time, open, up, down, close, bid_open, bid_up, bid_down, bid_close, ask_open, ask_up, ask_down,
        ask_close, vwap_off, volume, bar_count, flags, unit, greeks_version, has_gaps, $5::integer, $6::timestamptz,
        $6::timestamptz
    FROM packed
    WHERE NOT stored
),
replaced AS (
    INSERT INTO store.option_bars_5min (
        contract_id, time, open, up, down, close, bid_open, bid_up, bid_down, bid_close, ask_open, ask_up, ask_down,
        ask_close, vwap_off, volume, bar_count, flags, unit, greeks_version, has_gaps, collection_run_id, created_at,
        updated_at
    )
    SELECT
        contract_id, time, open, up, down, close, bid_open, bid_up, bid_down, bid_close, ask_open, ask_up, ask_down,
        ask_close, vwap_off, volume, bar_count, flags, unit, greeks_version, has_gaps, $5::integer, $6::timestamptz,
        $6::timestamptz
    FROM packed
    WHERE stored
    ON CONFLICT (contract_id, time) DO UPDATE
    SET (
        open, up, down, close, bid_open, bid_up, bid_down, bid_close, ask_open, ask_up, ask_down, ask_close, vwap_off,
        volume, bar_count, flags, unit, greeks_version, has_gaps, collection_run_id, updated_at
    ) = ROW(
        excluded.open, excluded.up, excluded.down, excluded.close, excluded.bid_open, excluded.bid_up, excluded.bid_down,
        excluded.bid_close, excluded.ask_open, excluded.ask_up, excluded.ask_down, excluded.ask_close, excluded.vwap_off,
        excluded.volume, excluded.bar_count, excluded.flags, excluded.unit, excluded.greeks_version, excluded.has_gaps,
        excluded.collection_run_id, excluded.updated_at
    )
),
revised AS (
    INSERT INTO bar_revisions (
        instrument_id, data_set, time, open, high, low, close, volume, bar_count, vwap, bid_open, bid_high, bid_low, bid_close,
        ask_open, ask_high, ask_low, ask_close, replaced_at, run_id
    )
    SELECT
        contract_id, $7::smallint, time, old_open * 0.0001, old_high * 0.0001, old_low * 0.0001, old_close * 0.0001,
        old_volume, old_bar_count, old_vwap * 0.0001, old_bid_open * 0.0001, old_bid_high * 0.0001,
        old_bid_low * 0.0001, old_bid_close * 0.0001, old_ask_open * 0.0001, old_ask_high * 0.0001,
        old_ask_low * 0.0001, old_ask_close * 0.0001, $6::timestamptz, $5::integer
    FROM differing
    INNER JOIN final USING (contract_id)
    WHERE (trades_differ AND final.trades @> time)
        OR (bid_differs AND final.bid @> time)
        OR (ask_differs AND final.ask @> time)
)
SELECT
    (SELECT count(*) FROM stage_option_bars WHERE contract_id = ANY($1::integer[])) AS staged,
    (SELECT count(*) FROM differing WHERE staged AND NOT stored) AS inserted,
    (SELECT count(*) FROM differing WHERE staged AND stored AND changed) AS updated,
    (SELECT store.note_changes($7::smallint, array_agg(contract_id), array_agg(day)) FROM changed) AS changes
