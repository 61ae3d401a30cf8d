-- Compress the underlyings' bars, ordered by underlying.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable = 'store.underlying_bars_5min'::regclass AND segmentby IS NULL AND orderby = 'underlying_id,"time"'
    ) THEN
        ALTER TABLE store.underlying_bars_5min SET (
            timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'underlying_id, time'
        );
    END IF;
END
$$
