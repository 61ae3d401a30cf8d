-- Sum up what the last seven days have, by New York day and symbol.
CREATE VIEW compat.v_data_coverage AS
SELECT
    (bar.time AT TIME ZONE 'America/New_York')::date AS trade_date,
    underlying.symbol::varchar(10) AS symbol,
    count(DISTINCT bar.contract_id) AS unique_contracts,
    count(*) AS total_bars,
    count(*) FILTER (WHERE bar.volume > 0) AS bars_with_volume,
    count(*) FILTER (WHERE bar.implied_volatility IS NOT NULL) AS bars_with_iv,
    round(avg(bar.spread_close), 4) AS avg_spread,
    min((bar.time AT TIME ZONE 'America/New_York')::time) AS first_bar_time,
    max((bar.time AT TIME ZONE 'America/New_York')::time) AS last_bar_time
FROM public.option_bars_5min AS bar
INNER JOIN public.option_chains AS chain ON chain.id = bar.contract_id
INNER JOIN public.underlying_securities AS underlying ON underlying.id = chain.underlying_id
WHERE bar.time > now() - INTERVAL '7 days'
GROUP BY 1, 2;

COMMENT ON VIEW compat.v_data_coverage IS
'What the last seven days have, by day and symbol; days and times are New York''s, whatever the reader''s zone.'
