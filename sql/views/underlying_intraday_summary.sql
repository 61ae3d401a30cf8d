-- What was traded in all options of an underlying, by five minutes; also of dropped bars whose sums were written down.
CREATE OR REPLACE VIEW underlying_intraday_summary AS
SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
FROM store.underlying_intraday_summary
UNION ALL
SELECT underlying_id, time, volume, call_volume, put_volume, traded_contracts, contracts
FROM underlying_intraday_archive
