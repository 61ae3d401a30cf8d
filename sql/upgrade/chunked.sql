-- Whether the option bars in decimals lie in chunks; before the upgrade those of the default schema.
SELECT
    EXISTS (
        SELECT
        FROM pg_inherits
        WHERE inhparent = coalesce(to_regclass('decimals.option_bars_5min'), to_regclass('public.option_bars_5min'))
    ) AS chunked
