-- Remove the summaries, whatever they are; tables can then be changed or dropped, and `db upgrade` makes them again.
DO $$
DECLARE
    summary text;
BEGIN
    FOREACH summary IN ARRAY ARRAY['daily_option_summary', 'hourly_option_summary', 'underlying_intraday_summary'] LOOP
        IF to_regclass(summary) IS NULL THEN
            CONTINUE;
        ELSIF to_regclass('timescaledb_information.continuous_aggregates') IS NULL THEN
            EXECUTE format('DROP VIEW %I', summary);
        ELSIF EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_name = summary) THEN
            EXECUTE format('DROP MATERIALIZED VIEW %I', summary);
        ELSE
            EXECUTE format('DROP VIEW %I', summary);
        END IF;
    END LOOP;
END
$$
