-- Drop the schema of the bars in decimals, which are all in the store; a table with rows in it is left.
DO $$
BEGIN
    IF EXISTS (SELECT FROM decimals.option_bars_5min) OR EXISTS (SELECT FROM decimals.underlying_bars_5min) THEN
        RAISE EXCEPTION 'there are bars in the schema decimals yet';
    END IF;
    DROP VIEW decimals.fitting_option_bars_5min;
    DROP VIEW decimals.fitting_underlying_bars_5min;
    DROP VIEW decimals.stored_option_bars_5min;
    DROP VIEW IF EXISTS decimals.stored_option_bars_5min_float8;
    DROP VIEW decimals.stored_underlying_bars_5min;
    DROP TABLE decimals.option_bars_5min;
    DROP TABLE decimals.underlying_bars_5min;
    DROP SCHEMA decimals;
END
$$
