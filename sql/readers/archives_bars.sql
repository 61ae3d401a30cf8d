-- What an archive has of each symbol's bars, by data set.
-- $1 place text
SELECT
    underlying.symbol,
    kind.name AS data_set,
    count(*) AS sessions,
    min(held.session_date) AS first_session,
    max(held.session_date) AS last_session
FROM archived_sessions AS held
INNER JOIN archive_objects AS object ON object.id = held.object_id
INNER JOIN underlying_securities AS underlying ON underlying.id = held.underlying_id
INNER JOIN data_sets AS kind ON kind.id = held.data_set
WHERE object.place = $1::text
GROUP BY underlying.symbol, kind.name
ORDER BY underlying.symbol, kind.name
