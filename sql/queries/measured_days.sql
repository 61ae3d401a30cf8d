-- Which of some days have statistics, ascending.
-- $1 days date[]
SELECT DISTINCT collection_date
FROM collection_statistics
WHERE collection_date = ANY($1::date[])
ORDER BY collection_date
