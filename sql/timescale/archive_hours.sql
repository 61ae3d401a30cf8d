-- Write the hourly bars of a span down before their bars go, where the summary is a view.
-- $1 day timestamptz: its start
-- $2 end timestamptz
INSERT INTO hourly_option_archive (
    contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
)
SELECT contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
FROM hourly_option_summary
WHERE hour >= $1::timestamptz AND hour < $2::timestamptz
ON CONFLICT DO NOTHING
