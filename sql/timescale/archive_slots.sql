-- Write the sums of underlyings in a span down before their bars go, where the summary is a view.
-- $1 day timestamptz: its start
-- $2 end timestamptz
INSERT INTO underlying_intraday_archive (
    underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
)
SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
FROM underlying_intraday_summary
WHERE time >= $1::timestamptz AND time < $2::timestamptz
ON CONFLICT DO NOTHING
