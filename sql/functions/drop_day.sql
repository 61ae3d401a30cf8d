-- Drop a day of option bars that is old enough and whose summaries stay; return why it was not, "" when it was.
-- Its owner's rights let a login of the service do that and no more.
CREATE OR REPLACE FUNCTION store.drop_day(day timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    ends CONSTANT timestamptz := day + INTERVAL '24 hours';
    aggregated boolean := false;
    kept bigint[];
    last timestamptz;
    known boolean;
BEGIN
    IF day <> date_trunc('day', day, 'UTC') THEN
        RAISE EXCEPTION 'a day begins at midnight UTC, not at %', day USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF day >= now() - INTERVAL '60 days' THEN
        RETURN 'it is younger than 60 days';
    END IF;
    IF to_regclass('timescaledb_information.continuous_aggregates') IS NOT NULL THEN
        aggregated := EXISTS (
            SELECT FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'store'
        );
    END IF;
    IF aggregated THEN
        SELECT ARRAY[count(*), coalesce(sum(volume), 0)], max(time)
        INTO kept, last
        FROM store.option_bars_5min
        WHERE time >= day AND time < ends;
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
            WHERE hour >= day AND hour < ends
        ) AND kept = (
            SELECT ARRAY[coalesce(sum(bars_count), 0), coalesce(sum(volume), 0)]::bigint[]
            FROM store.daily_option_summary AS daily
            WHERE daily.day >= drop_day.day AND daily.day < ends
        ) AND kept = (
            SELECT ARRAY[coalesce(sum(contracts), 0), coalesce(sum(volume), 0)]::bigint[]
            FROM store.underlying_intraday_summary
            WHERE time >= day AND time < ends
        );
        IF NOT known THEN
            RETURN 'its summaries lack bars: run `collector db compact` as the user who ran `collector db upgrade`';
        END IF;
    ELSE
        INSERT INTO hourly_option_archive (
            contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars, avg_bid,
            avg_ask, closing_bid, closing_ask, closing_iv, closing_delta, closing_oi
        )
        SELECT
            contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars, avg_bid,
            avg_ask, closing_bid, closing_ask, closing_iv, closing_delta, closing_oi
        FROM hourly_option_summary
        WHERE hour >= day AND hour < ends
        ON CONFLICT DO NOTHING;
        INSERT INTO underlying_intraday_archive (
            underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        )
        SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
        FROM underlying_intraday_summary
        WHERE time >= day AND time < ends
        ON CONFLICT DO NOTHING;
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM drop_chunks('store.option_bars_5min'::regclass, older_than => ends, newer_than => day);
    END IF;
    -- Rows of an ordinary table leave room that later rows use; here they also go from chunks longer than a day.
    DELETE FROM store.option_bars_5min WHERE time >= day AND time < ends;
    RETURN '';
END
$$;

REVOKE EXECUTE ON FUNCTION store.drop_day(timestamptz) FROM PUBLIC
