-- Windows recorded as missed, with the kind of miss.
-- $1 since date: the first session day
SELECT collection_date, collection_type, substr(symbol, 8) AS kind, error_message AS reason
FROM daily_collection_status
WHERE status = 'missed' AND collection_date >= $1::date
ORDER BY collection_date, collection_type
