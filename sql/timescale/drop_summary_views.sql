-- Remove the plain views of the summaries with what shows them, so that continuous aggregates can take their names.
DO $$
DECLARE
    summary text;
BEGIN
    FOREACH summary IN ARRAY ARRAY['daily_option_summary', 'hourly_option_summary', 'underlying_intraday_summary'] LOOP
        IF to_regclass('store.' || summary) IS NOT NULL AND NOT EXISTS (
            SELECT
            FROM timescaledb_information.continuous_aggregates
            WHERE view_schema = 'store' AND view_name = summary
        ) THEN
            DROP VIEW IF EXISTS option_hours, option_days;
            EXECUTE format('DROP VIEW IF EXISTS %I', summary);
            EXECUTE format('DROP VIEW store.%I', summary);
        END IF;
    END LOOP;
END
$$
