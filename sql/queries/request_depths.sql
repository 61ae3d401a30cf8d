-- The greatest age of a first bar since an instant, of options and of underlyings, by series: $1 since.
SELECT instrument_id > 0 AS option, what_to_show, max(sent_at - first_bar) AS depth
FROM requests
WHERE sent_at >= $1::timestamptz AND first_bar IS NOT NULL
GROUP BY 1, 2
