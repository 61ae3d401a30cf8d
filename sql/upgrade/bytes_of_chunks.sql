-- Bytes that the bars in decimals take, with their indexes, where they lie in chunks.
SELECT coalesce(hypertable_size('option_bars_5min'), 0) + coalesce(hypertable_size('underlying_bars_5min'), 0) AS bytes
