-- Bars in quarantine of a span by symbol, series and reason.
-- $1 span_start timestamptz
-- $2 span_end timestamptz
SELECT
    underlying.symbol,
    bar.what_to_show,
    bar.reason,
    count(*) AS bars
FROM quarantined_bars AS bar
LEFT JOIN option_chains AS contract ON contract.id = bar.instrument_id
INNER JOIN underlying_securities AS underlying
    ON underlying.id = coalesce(contract.underlying_id, -bar.instrument_id)
WHERE bar.time >= $1::timestamptz AND bar.time < $2::timestamptz
GROUP BY underlying.symbol, bar.what_to_show, bar.reason
ORDER BY underlying.symbol, bar.what_to_show, bar.reason
