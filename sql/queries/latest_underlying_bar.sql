-- Start of the latest bar of any underlying that is no index.
SELECT max(newest.time)
FROM underlying_securities AS underlying
CROSS JOIN LATERAL (
    SELECT bar.time
    FROM store.underlying_bars_5min AS bar
    WHERE bar.underlying_id = underlying.id
    ORDER BY bar.time DESC
    LIMIT 1
) AS newest
WHERE underlying.sec_type <> 'IND'
