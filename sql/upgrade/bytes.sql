-- Bytes that the bars in decimals take, with their indexes, where they lie in tables.
SELECT pg_total_relation_size('option_bars_5min') + pg_total_relation_size('underlying_bars_5min') AS bytes
