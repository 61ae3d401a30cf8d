-- Drop the record of requests that were sent before an instant at least 60 days ago: whole weeks where there are chunks.
-- Its owner's rights let a login of the service do that and no more.
CREATE OR REPLACE FUNCTION store.drop_requests(border timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF border > least(now(), store.latest_bar()) - INTERVAL '59 days' THEN
        RAISE EXCEPTION 'requests younger than 60 days are kept' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM drop_chunks('public.requests'::regclass, older_than => border);
    ELSE
        DELETE FROM requests WHERE sent_at < border;
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION store.drop_requests(timestamptz) FROM PUBLIC
