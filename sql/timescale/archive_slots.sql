-- Write the sums of underlyings in [$1, $2) down before their bars go, where the summary is a view.
INSERT INTO underlying_intraday_archive (
    underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
)
SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
FROM underlying_intraday_summary
WHERE time >= $1 AND time < $2
ON CONFLICT DO NOTHING
