-- Gaps opened, filled and lost in a span, and those still open.
-- $1 span_start timestamptz
-- $2 span_end timestamptz
SELECT
    count(*) FILTER (WHERE detected_at >= $1::timestamptz AND detected_at < $2::timestamptz) AS opened,
    count(*) FILTER (WHERE backfilled_at >= $1::timestamptz AND backfilled_at < $2::timestamptz) AS closed,
    count(*) FILTER (WHERE lost_at >= $1::timestamptz AND lost_at < $2::timestamptz) AS lost,
    count(*) FILTER (WHERE state = 'open') AS still_open
FROM historical_data_gaps
