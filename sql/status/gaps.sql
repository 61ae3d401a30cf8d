-- Gaps by symbol, series and state; open ones of contracts that expire first first; why lost ones are lost.
SELECT
    underlying.symbol,
    gap.what_to_show,
    gap.state,
    count(*) AS gaps,
    count(DISTINCT gap.instrument_id) AS instruments,
    min(gap.gap_start) AS first_slot,
    max(gap.gap_end) AS last_slot,
    min(chain.expiration_date) FILTER (WHERE gap.state = 'open') AS next_expiration,
    min(gap.reason) AS reason
FROM historical_data_gaps AS gap
LEFT JOIN option_chains AS chain ON chain.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying ON underlying.id = coalesce(chain.underlying_id, -gap.instrument_id)
WHERE gap.state = 'open' OR gap.gap_start > now() - INTERVAL '30 days'
GROUP BY 1, 2, 3
ORDER BY gap.state, next_expiration, underlying.symbol, gap.what_to_show;
