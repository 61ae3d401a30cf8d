-- Drop the bars that some underlyings have on a day of UTC; return why none were dropped, "" when they were.
-- The day has to be old enough, by the machine's clock and by the latest bar that there is, and, for option bars, its summaries have to stay. With objects and their hashes, those of
-- the bytes that were just read back, the archive also has to hold what the day holds at this moment; without them
-- (NULL) nothing is asked of the archive. Its owner's rights let a login of the service do that and no more.
DROP FUNCTION IF EXISTS store.drop_day(timestamptz);

CREATE OR REPLACE FUNCTION store.drop_day(
    kind smallint, day date, underlyings integer[], objects bigint[], hashes text[]
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    starts CONSTANT timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends CONSTANT timestamptz := starts + INTERVAL '24 hours';
    bars CONSTANT text := (SELECT name FROM data_sets WHERE id = kind);
    of_options CONSTANT boolean := (SELECT instrument_kind = 'option' FROM data_sets WHERE id = kind);
    of_underlyings CONSTANT text := format('underlying_id = ANY (%L::integer[])', underlyings);
    of_those CONSTANT text := CASE
        WHEN of_options THEN format('contract_id IN (SELECT id FROM option_chains WHERE %s)', of_underlyings)
        ELSE of_underlyings
    END;
    in_day CONSTANT text := format('time >= %L AND time < %L', starts, ends);
    aggregated boolean := false;
    others boolean;
    why text;
    kept bigint[];
    last timestamptz;
    known boolean;
    materialized text;
    stamp text;
    packed regclass[] := '{}';
    chunk regclass;
BEGIN
    IF bars IS NULL THEN
        RAISE EXCEPTION 'no kind of bars has the number %', kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF starts >= least(now(), store.latest_bar()) - INTERVAL '60 days' THEN
        RETURN 'it is younger than 60 days';
    END IF;
    -- Whoever writes bars at this moment is waited for, and counts his change before what follows looks at it.
    EXECUTE format('LOCK TABLE ONLY store.%I IN SHARE ROW EXCLUSIVE MODE', bars);
    IF objects IS NOT NULL THEN
        why := store.unproved(kind, day, underlyings, objects, hashes);
        IF why <> '' THEN
            RETURN why;
        END IF;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM store.%I WHERE %s AND NOT %s)', bars, in_day, of_those) INTO others;
    IF of_options AND to_regclass('timescaledb_information.continuous_aggregates') IS NOT NULL THEN
        aggregated := EXISTS (
            SELECT FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'store'
        );
    END IF;
    IF aggregated THEN
        SELECT ARRAY[count(*), coalesce(sum(volume), 0)], max(time)
        INTO kept, last
        FROM store.option_bars_5min
        WHERE time >= starts AND time < ends;
        -- What the aggregates have not stored yet would go with the bars that they read it from.
        known := (
            SELECT bool_and(last < _timescaledb_functions.to_timestamp(
                _timescaledb_functions.cagg_watermark(mat_hypertable_id)
            ))
            FROM _timescaledb_catalog.continuous_agg
            WHERE user_view_schema = 'store'
        ) AND kept = (
            SELECT ARRAY[coalesce(sum(bars_count), 0), coalesce(sum(volume), 0)]::bigint[]
            FROM store.hourly_option_summary
            WHERE hour >= starts AND hour < ends
        ) AND kept = (
            SELECT ARRAY[coalesce(sum(bars_count), 0), coalesce(sum(volume), 0)]::bigint[]
            FROM store.daily_option_summary AS daily
            WHERE daily.day >= starts AND daily.day < ends
        ) AND kept = (
            SELECT ARRAY[coalesce(sum(contracts), 0), coalesce(sum(volume), 0)]::bigint[]
            FROM store.underlying_intraday_summary
            WHERE time >= starts AND time < ends
        );
        IF NOT known THEN
            RETURN 'its summaries lack bars: run `collector db compact` as the user who ran `collector db upgrade`';
        END IF;
    END IF;
    -- Aggregates outlive a chunk that goes whole. Of a day that keeps bars they are computed anew, from those alone.
    IF of_options AND (others OR NOT aggregated) THEN
        INSERT INTO hourly_option_archive (
            contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars, avg_bid,
            avg_ask, closing_bid, closing_ask, closing_iv, closing_delta, closing_oi
        )
        SELECT
            contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars, avg_bid,
            avg_ask, closing_bid, closing_ask, closing_iv, closing_delta, closing_oi
        FROM hourly_option_summary
        WHERE
            hour >= starts
            AND hour < ends
            AND contract_id IN (SELECT id FROM option_chains WHERE underlying_id = ANY (underlyings))
        ON CONFLICT DO NOTHING;
        INSERT INTO underlying_intraday_archive (
            underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        )
        SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        FROM underlying_intraday_summary
        WHERE time >= starts AND time < ends AND underlying_id = ANY (underlyings)
        ON CONFLICT DO NOTHING;
    END IF;
    IF aggregated AND others THEN
        FOR materialized, stamp IN
            SELECT
                format('%I.%I', aggregate.materialization_hypertable_schema, aggregate.materialization_hypertable_name),
                stamped.stamp
            FROM timescaledb_information.continuous_aggregates AS aggregate
            INNER JOIN (
                VALUES
                    ('hourly_option_summary', 'hour'),
                    ('daily_option_summary', 'day'),
                    ('underlying_intraday_summary', 'time')
            ) AS stamped (summary, stamp) ON stamped.summary = aggregate.view_name
            WHERE aggregate.view_schema = 'store'
        LOOP
            EXECUTE format(
                'DELETE FROM %s WHERE %I >= %L AND %2$I < %4$L AND %5$s',
                materialized, stamp, starts, ends, CASE WHEN stamp = 'time' THEN of_underlyings ELSE of_those END
            );
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        IF of_options AND NOT others THEN
            PERFORM drop_chunks('store.option_bars_5min'::regclass, older_than => ends, newer_than => starts);
        ELSE
            -- A compressed chunk is opened, and closed when its rows are gone: it is then as small as a fresh one.
            packed := ARRAY(
                SELECT format('%I.%I', part.chunk_schema, part.chunk_name)::regclass
                FROM timescaledb_information.chunks AS part
                WHERE part.hypertable_schema = 'store'
                    AND part.hypertable_name = bars
                    AND part.is_compressed
                    AND part.range_start < ends
                    AND starts < part.range_end
            );
        END IF;
    END IF;
    FOREACH chunk IN ARRAY packed LOOP
        PERFORM decompress_chunk(chunk);
    END LOOP;
    -- Rows of an ordinary table leave room that later rows use; here they also go from chunks longer than a day.
    EXECUTE format('DELETE FROM store.%I WHERE %s AND %s', bars, in_day, of_those);
    IF packed <> '{}' AND EXISTS (
        SELECT FROM pg_settings WHERE name = 'timescaledb.compression_batch_size_limit'
    ) THEN
        PERFORM set_config('timescaledb.compression_batch_size_limit', '2000', true);
    END IF;
    FOREACH chunk IN ARRAY packed LOOP
        PERFORM compress_chunk(chunk);
    END LOOP;
    RETURN '';
END
$$;

REVOKE EXECUTE ON FUNCTION store.drop_day(smallint, date, integer[], bigint[], text[]) FROM PUBLIC
