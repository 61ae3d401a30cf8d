-- Say how collection goes, a row a symbol. Sessions are compared, so that week-ends and holidays alarm nobody.
CREATE FUNCTION compat.check_collection_health(p_symbol varchar DEFAULT NULL) RETURNS TABLE (
    symbol varchar,
    last_successful_collection timestamptz,
    hours_since_collection numeric,
    today_success_rate numeric,
    week_success_rate numeric,
    active_contracts integer,
    data_gaps_count integer,
    health_status varchar
)
LANGUAGE sql STABLE
AS $$
WITH judged AS (
    SELECT
        known.id,
        known.symbol,
        max(went.completed_at) FILTER (WHERE went.status = 'success') AS succeeded_at,
        avg((went.status = 'success')::integer) FILTER (
            WHERE went.collection_date = (now() AT TIME ZONE 'America/New_York')::date
        ) * 100 AS today,
        avg((went.status = 'success')::integer) FILTER (
            WHERE went.collection_date > (now() AT TIME ZONE 'America/New_York')::date - 7
        ) * 100 AS week
    FROM public.underlying_securities AS known
    LEFT JOIN public.daily_collection_status AS went ON went.symbol = known.symbol AND went.completed_at IS NOT NULL
    WHERE p_symbol IS NULL OR known.symbol = p_symbol
    GROUP BY known.id, known.symbol
)
SELECT
    judged.symbol::varchar,
    judged.succeeded_at,
    round(extract(EPOCH FROM now() - judged.succeeded_at) / 3600, 2),
    coalesce(round(judged.today, 2), 0),
    coalesce(round(judged.week, 2), 0),
    (
        SELECT count(*)::integer
        FROM public.option_contract_lifecycle AS life
        INNER JOIN public.option_chains AS chain ON chain.id = life.contract_id
        WHERE chain.underlying_id = judged.id AND life.status = 'listed'
    ),
    (
        SELECT count(*)::integer
        FROM public.historical_data_gaps AS gap
        INNER JOIN public.instruments AS instrument ON instrument.id = gap.instrument_id
        WHERE instrument.underlying_id = judged.id AND gap.state = 'open'
    ),
    (
        CASE
            WHEN judged.succeeded_at IS NULL THEN 'NO_DATA'
            WHEN now() - judged.succeeded_at > INTERVAL '96 hours' THEN 'CRITICAL'
            WHEN judged.week < 80 THEN 'DEGRADED'
            WHEN now() - judged.succeeded_at > INTERVAL '72 hours' THEN 'WARNING'
            ELSE 'HEALTHY'
        END
    )::varchar
FROM judged
$$;

COMMENT ON FUNCTION compat.check_collection_health(varchar) IS
'How collection goes: rates of successful windows in percent, open gaps; critical after 96 hours without success, so that a long week-end is none.'
