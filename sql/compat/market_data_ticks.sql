-- Show bars of options as the earlier system kept them: the quotes at the end of each slot, the last trade in it.
CREATE VIEW compat.market_data_ticks AS
SELECT
    time,
    contract_id,
    bid_close AS bid_price,
    ask_close AS ask_price,
    close AS last_price,
    NULL::integer AS bid_size,
    NULL::integer AS ask_size,
    NULL::integer AS last_size,
    volume::bigint AS volume,
    open_interest,
    delta,
    gamma,
    theta,
    vega,
    rho,
    implied_volatility,
    'HISTORICAL'::varchar(20) AS tick_type,
    created_at
FROM public.option_bars_5min;

COMMENT ON VIEW compat.market_data_ticks IS
'Every slot of public.option_bars_5min; sizes of quotes are not collected.'
