-- While bars are left in decimals, let the views show them beside those of the store: each is in one of the two places.
-- What the views are without them is kept as stored_… beside the tables that they are to replace.
DO $$
DECLARE
    shown text;
    tabled text;
    decimals text;
    reader text;
BEGIN
    IF to_regnamespace('decimals') IS NULL THEN
        RETURN;
    END IF;
    FOREACH shown IN ARRAY ARRAY['option_bars_5min', 'option_bars_5min_float8', 'underlying_bars_5min'] LOOP
        CONTINUE WHEN to_regclass('public.' || shown) IS NULL;
        tabled := replace(shown, '_float8', '');
        -- The columns of the tables stand in another order, and the one view has other types.
        SELECT string_agg(format('%I::%s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
        INTO decimals
        FROM pg_attribute
        WHERE attrelid = ('public.' || shown)::regclass AND attnum > 0 AND NOT attisdropped;
        EXECUTE format(
            'CREATE OR REPLACE VIEW decimals.%I AS %s', 'stored_' || shown, pg_get_viewdef('public.' || shown)
        );
        EXECUTE format(
            'CREATE OR REPLACE VIEW public.%I AS SELECT * FROM decimals.%I UNION ALL SELECT %s FROM decimals.%I',
            shown, 'stored_' || shown, decimals, tabled
        );
        -- Whoever was allowed to read the tables may read the views.
        FOR reader IN
            SELECT DISTINCT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
            FROM pg_class AS bars
            CROSS JOIN aclexplode(bars.relacl) AS acl
            WHERE bars.oid = ('decimals.' || tabled)::regclass
                AND acl.privilege_type = 'SELECT'
                AND acl.grantee <> bars.relowner
        LOOP
            EXECUTE format('GRANT SELECT ON public.%I TO %s', shown, reader);
        END LOOP;
    END LOOP;
END
$$
