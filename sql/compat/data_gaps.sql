-- Show gaps a row a symbol, session and kind.
CREATE VIEW compat.data_gaps AS
SELECT
    instrument.symbol::varchar(10) AS symbol,
    (gap.gap_start AT TIME ZONE 'America/New_York')::date AS gap_date,
    gap.gap_type::varchar(50) AS gap_type,
    min(gap.detected_at) AS detected_at,
    bool_and(gap.backfilled) AS backfilled,
    0 AS backfill_attempts,
    count(*) AS gaps,
    bool_or(gap.state = 'lost') AS lost
FROM public.historical_data_gaps AS gap
INNER JOIN public.instruments AS instrument ON instrument.id = gap.instrument_id
GROUP BY 1, 2, 3;

COMMENT ON VIEW compat.data_gaps IS
'Gaps of public.historical_data_gaps by symbol, session and kind; attempts are not counted by gap.'
