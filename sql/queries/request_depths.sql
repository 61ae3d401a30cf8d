-- How far back answers reached, by kind of instrument and series.
-- $1 since timestamptz: requests sent at this instant or later
SELECT
    instrument_id > 0 AS is_option,
    what_to_show,
    max(sent_at - first_bar) AS depth
FROM requests
WHERE sent_at >= $1::timestamptz AND first_bar IS NOT NULL
GROUP BY 1, 2
