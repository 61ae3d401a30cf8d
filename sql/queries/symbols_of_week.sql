-- What each symbol has of sessions between two days, from the kept statistics.
-- $1 first date: day
-- $2 last date: day, included
SELECT
    symbol,
    max(total_contracts) AS contracts,
    sum(total_bars_collected)::bigint AS bars,
    (avg(data_completeness_percent) / 100)::float8 AS completeness,
    (avg(fill_percent) / 100)::float8 AS fill
FROM collection_statistics
WHERE collection_date BETWEEN $1::date AND $2::date AND symbol <> 'ALL'
GROUP BY symbol
ORDER BY symbol
