-- Compress requests, ordered by instrument.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM timescaledb_information.hypertable_columnstore_settings
        WHERE hypertable = 'requests'::regclass AND coalesce(segmentby, '') = '' AND orderby = 'instrument_id,sent_at'
    ) THEN
        ALTER TABLE requests SET (
            timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'instrument_id, sent_at'
        );
    END IF;
END
$$
