-- Adopt the option bars of a span, and count those of which a series or a Greek is left out, for no column holds it.
-- Of a slot stored twice the bar that was changed last. has_gaps as the coverage of adopted bars will be: a series is
-- covered where it has a price.
-- $1 start timestamptz
-- $2 end timestamptz
-- $3 series text[]: the configured ones
-- $4 own_symbols text[]: symbols with series of their own
-- $5 own_series text[]: these, one each; NULL: none at all
WITH own AS (
    SELECT chain.id AS contract_id, array_remove(array_agg(t.series), NULL) AS series
    FROM unnest($4::text[], $5::text[]) AS t (symbol, series)
    INNER JOIN underlying_securities AS underlying ON underlying.symbol = t.symbol
    INNER JOIN option_chains AS chain ON chain.underlying_id = underlying.id
    GROUP BY chain.id
),
-- What a column holds, up and down; a series counts whole. NaN is what many a program writes for NULL.
held AS (
    SELECT name, series, most
    FROM (
        VALUES
            ('TRADES', '{open, high, low, close, vwap}'::text[], 100000),
            ('TRADES', '{volume, bar_count}', 2147483647),
            ('BID', '{bid_open, bid_high, bid_low, bid_close}', 100000),
            ('ASK', '{ask_open, ask_high, ask_low, ask_close}', 100000),
            ('volatility', '{implied_volatility}', 214748.3647),
            ('delta', '{delta}', 214748.3647),
            ('gamma', '{gamma}', 2147.483647),
            ('theta', '{theta}', 214748.3647),
            ('vega', '{vega}', 214748.3647),
            ('rho', '{rho}', 214748.3647),
            ('interest', '{open_interest}', 2147483647)
    ) AS bound (series, names, most)
    CROSS JOIN unnest(bound.names) AS name
),
kept AS MATERIALIZED (
    SELECT DISTINCT ON (stored.contract_id, stored.time)
        stored,
        cardinality(beyond.series) > 0
        -- What hangs on a price that is missing.
        OR (known ? 'vwap' AND NOT known ? 'close')
        OR (known ?| '{high, low}' AND NOT known ?| '{open, close}')
        OR (known ?| '{bid_high, bid_low}' AND NOT known ?| '{bid_open, bid_close}')
        OR (known ?| '{ask_high, ask_low}' AND NOT known ?| '{ask_open, ask_close}') AS is_unfit
    FROM
        earlier_system.option_bars_5min AS earlier
        LEFT JOIN own ON own.contract_id = earlier.contract_id,
        LATERAL jsonb_strip_nulls(to_jsonb(earlier)) AS said,
        LATERAL (
            SELECT coalesce(array_agg(held.series), '{}') AS series
            FROM held
            WHERE said ? held.name AND said ->> held.name <> 'NaN' AND abs((said ->> held.name)::numeric) > held.most
        ) AS beyond,
        LATERAL (
            SELECT said - coalesce(array_agg(held.name), '{}') AS known
            FROM held
            WHERE held.series = ANY(beyond.series) OR said ->> held.name = 'NaN'
        ) AS fitting,
        LATERAL jsonb_populate_record(
            NULL::option_bars_5min,
            jsonb_build_object('created_at', now(), 'updated_at', now())
            || known
            || jsonb_build_object(
                -- What the earlier system meant by these is not known.
                'flags', 0, 'greeks_version', NULL, 'greeks_reason', NULL,
                'has_gaps', NOT array_remove(
                    ARRAY[
                        CASE WHEN known ? 'close' THEN 'TRADES' END,
                        CASE WHEN known ? 'bid_close' THEN 'BID' END,
                        CASE WHEN known ? 'ask_close' THEN 'ASK' END
                    ], NULL
                ) @> coalesce(own.series, $3::text[])
            )
        ) AS adopted,
        LATERAL store.whole(adopted) AS stored
    WHERE earlier.time >= $1::timestamptz AND earlier.time < $2::timestamptz
    ORDER BY stored.contract_id, stored.time, stored.updated_at DESC
),
added AS (
    INSERT INTO store.option_bars_5min
    SELECT (kept.stored).*
    FROM kept
    ON CONFLICT DO NOTHING
    RETURNING contract_id, time
),
changed AS (
    SELECT contract_id AS instrument_id, (time AT TIME ZONE 'UTC')::date AS day
    FROM added
    GROUP BY instrument_id, day
)
SELECT
    (SELECT count(*) FROM kept WHERE is_unfit) AS bars,
    (
        SELECT store.note_changes(
            (SELECT id FROM data_sets WHERE name = 'option_bars_5min'), array_agg(instrument_id), array_agg(day)
        )
        FROM changed
    ) AS changes
