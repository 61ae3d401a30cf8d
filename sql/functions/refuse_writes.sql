-- Refuse writes to the views of the bars in words that say where the bars are.
CREATE OR REPLACE FUNCTION store.refuse_writes() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% is a view: bars are written to the schema store, as whole numbers, by the collector alone',
        TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'see docs/tables.md';
END
$$;

DO $$
DECLARE
    shown text;
BEGIN
    FOREACH shown IN ARRAY ARRAY['option_bars_5min', 'option_bars_5min_float8', 'underlying_bars_5min'] LOOP
        EXECUTE format(
            'CREATE OR REPLACE TRIGGER refuse_writes INSTEAD OF INSERT OR UPDATE OR DELETE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION store.refuse_writes()',
            shown
        );
    END LOOP;
END
$$
