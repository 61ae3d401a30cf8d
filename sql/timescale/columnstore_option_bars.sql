-- Compress option bars ordered by contract inside one segment: a segment a contract would hold a dozen rows a day.
-- From 2.26 on TimescaleDB gives each batch a Bloom filter of its keys, a byte a bar that makes nothing faster here,
-- unless it is told which indexes batches have: bounds of the run (a crash of 2.27's upserts forbids to say none).
DO $$
DECLARE
    filters boolean := (
        SELECT string_to_array(split_part(extversion, '-', 1), '.')::integer[] >= '{2,26}'
        FROM pg_extension
        WHERE extname = 'timescaledb'
    );
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM timescaledb_information.hypertable_columnstore_settings AS s
        WHERE hypertable = 'store.option_bars_5min'::regclass
            AND coalesce(segmentby, '') = ''
            AND orderby = 'contract_id,"time"'
            -- Earlier versions have no such column.
            AND (NOT filters OR to_jsonb(s) ->> 'index' LIKE '%"minmax", "column": "collection_run_id"%')
    ) THEN
        ALTER TABLE store.option_bars_5min SET (
            timescaledb.enable_columnstore, timescaledb.segmentby = '', timescaledb.orderby = 'contract_id, time'
        );
        IF filters THEN
            ALTER TABLE store.option_bars_5min SET (timescaledb.index = 'minmax(collection_run_id)');
        END IF;
    END IF;
END
$$
