-- Forget the statistics of days that were no sessions; those of a day on which an option has a bar stay, of all symbols.
-- Such a day was a session, whoever says otherwise: once its owner sees that, nothing would measure it again.
-- $1 days date[]
DELETE FROM collection_statistics AS statistics
WHERE collection_date = ANY($1::date[])
    AND NOT EXISTS (
        SELECT
        FROM collection_statistics AS other
        WHERE other.collection_date = statistics.collection_date AND other.total_bars_collected > 0
    )
