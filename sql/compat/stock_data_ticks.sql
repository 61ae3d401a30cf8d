-- Show bars of underlyings as the earlier system kept them: a row a bar, its close as the price.
CREATE VIEW compat.stock_data_ticks AS
SELECT
    time,
    underlying_id,
    close AS price,
    NULL::numeric(14, 4) AS bid_price,
    NULL::numeric(14, 4) AS ask_price,
    NULL::integer AS bid_size,
    NULL::integer AS ask_size,
    round(volume)::bigint AS volume,
    vwap,
    open AS open_price,
    high AS high_price,
    low AS low_price,
    close AS close_price,
    'HISTORICAL'::varchar(20) AS tick_type,
    created_at
FROM public.underlying_bars_5min
WHERE close IS NOT NULL;

COMMENT ON VIEW compat.stock_data_ticks IS
'Bars of public.underlying_bars_5min, their closes as prices; quotes of underlyings are not collected.'
