-- Read stored option bars of a span, prices in ten-thousandths of a USD.
-- It is planned for its own bounds each time, so that other chunks stay shut, and its caller's statement may be planned once.
-- $1 contract_ids integer[]
-- $2 start timestamptz
-- $3 end timestamptz
CREATE OR REPLACE FUNCTION store.option_bars_of(integer[], timestamptz, timestamptz)
RETURNS TABLE (
    contract_id integer, "time" timestamptz, open integer, high integer, low integer, close integer, volume integer,
    bar_count integer, vwap integer, bid_open integer, bid_high integer, bid_low integer, bid_close integer,
    ask_open integer, ask_high integer, ask_low integer, ask_close integer, flags integer, has_gaps boolean,
    greeks_version smallint
)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan SET enable_nestloop = on SET enable_seqscan = on
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        contract_id, time, open * unit AS open, (greatest(open, close) + up) * unit AS high,
        (least(open, close) - down) * unit AS low, close * unit AS close, volume, bar_count,
        close * unit + vwap_off AS vwap, bid_open * unit AS bid_open,
        (greatest(bid_open, bid_close) + bid_up) * unit AS bid_high,
        (least(bid_open, bid_close) - bid_down) * unit AS bid_low, bid_close * unit AS bid_close,
        ask_open * unit AS ask_open, (greatest(ask_open, ask_close) + ask_up) * unit AS ask_high,
        (least(ask_open, ask_close) - ask_down) * unit AS ask_low, ask_close * unit AS ask_close, flags, has_gaps,
        greeks_version
    FROM store.option_bars_5min
    WHERE contract_id = ANY($1::integer[]) AND time >= $2::timestamptz AND time < $3::timestamptz;
END
$$
