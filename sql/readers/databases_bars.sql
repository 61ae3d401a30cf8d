-- What the database knows of each symbol's bars, by data set: the first and the last session that ever changed, and how many.
SELECT
    underlying.symbol,
    kind.name AS data_set,
    count(*) AS sessions,
    min(change.session_date) AS first_session,
    max(change.session_date) AS last_session
FROM session_changes AS change
INNER JOIN underlying_securities AS underlying ON underlying.id = change.underlying_id
INNER JOIN data_sets AS kind ON kind.id = change.data_set
GROUP BY underlying.symbol, kind.name
ORDER BY underlying.symbol, kind.name
