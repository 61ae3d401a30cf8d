-- Compress a compressed chunk afresh, in batches of 2,000 rows where the version can.
-- Its owner's rights let a login of the service do that and no more. compress_chunk(…, recompress => true) would be
-- shorter, and leaves the catalogue pointing at batches that are gone, so that no dump can be restored.
CREATE OR REPLACE FUNCTION store.compress_again(chunk regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM timescaledb_information.chunks AS part
        WHERE to_regclass(format('%I.%I', part.chunk_schema, part.chunk_name)) = chunk
            AND part.hypertable_schema IN ('public', 'store')
            AND part.is_compressed
    ) THEN
        RAISE EXCEPTION '% is no compressed chunk of the collector', chunk
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.compression_batch_size_limit') THEN
        PERFORM set_config('timescaledb.compression_batch_size_limit', '2000', true);
    END IF;
    PERFORM decompress_chunk(chunk);
    PERFORM compress_chunk(chunk);
END
$$;

REVOKE EXECUTE ON FUNCTION store.compress_again(regclass) FROM PUBLIC
