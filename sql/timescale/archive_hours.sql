-- Write the hourly bars of [$1, $2) down before their bars go, where the summary is a view.
INSERT INTO hourly_option_archive (
    contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
)
SELECT contract_id, hour, hour_open, hour_high, hour_low, hour_close, hour_volume, bars_count, traded_bars
FROM hourly_option_summary
WHERE hour >= $1 AND hour < $2
ON CONFLICT DO NOTHING
