-- How far back answers reached, by series.
-- $1 data_set_id smallint
-- $2 since timestamptz: requests sent at this instant or later
SELECT
    what_to_show,
    max(sent_at - first_bar) AS depth
FROM requests
WHERE data_set = $1::smallint AND sent_at >= $2::timestamptz AND first_bar IS NOT NULL
GROUP BY what_to_show
