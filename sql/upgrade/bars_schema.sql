-- Where bars in decimals lie: in the default schema before their upgrade, in decimals while it is under way.
SELECT namespace.nspname::text AS schema
FROM pg_class AS bars
INNER JOIN pg_namespace AS namespace ON namespace.oid = bars.relnamespace
WHERE bars.relname = 'option_bars_5min' AND bars.relkind = 'r' AND namespace.nspname IN ('public', 'decimals')
