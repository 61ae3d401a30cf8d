-- Compress option bars ordered by contract inside one segment: a segment a contract would hold a dozen rows a day.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable = 'option_bars_5min'::regclass AND segmentby IS NULL AND orderby = 'contract_id,"time"'
    ) THEN
        ALTER TABLE option_bars_5min SET (
            timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'contract_id, time'
        );
    END IF;
END
$$
