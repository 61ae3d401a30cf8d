-- Take what is ours out of the schema for readers of an earlier system; what they keep there themselves stays.
DO $$
DECLARE
    which text;
BEGIN
    DROP VIEW IF EXISTS
        compat.option_bars_5min,
        compat.stock_data_ticks,
        compat.market_data_ticks,
        compat.option_contract_lifecycle,
        compat.daily_collection_status,
        compat.data_gaps,
        compat.v_data_coverage,
        compat.v_today_collection_status,
        compat.v_daily_collection_summary;
    DROP FUNCTION IF EXISTS compat.calculate_collection_completeness, compat.check_collection_health;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        GET STACKED DIAGNOSTICS which = PG_EXCEPTION_DETAIL;
        RAISE EXCEPTION 'something of yours stands on the schema compat: %', which
            USING ERRCODE = sqlstate, HINT = 'drop it, and make it anew afterwards';
END
$$
