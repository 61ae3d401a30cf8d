-- Say how complete a session of a symbol is, by what was selected and settled.
CREATE FUNCTION compat.calculate_collection_completeness(
    p_symbol varchar, p_date date DEFAULT (now() AT TIME ZONE 'America/New_York')::date
) RETURNS TABLE (
    symbol varchar,
    collection_date date,
    expected_bars integer,
    actual_bars integer,
    completeness_percent numeric(5, 2),
    gaps_detected integer
)
LANGUAGE sql STABLE
AS $$
SELECT
    known.symbol::varchar,
    p_date,
    coalesce(measured.expected_slots, 0)::integer,
    coalesce(measured.traded_slots + measured.no_trade_slots, 0)::integer,
    coalesce(round(measured.data_completeness_percent, 2), 0)::numeric(5, 2),
    (
        SELECT count(*)::integer
        FROM public.historical_data_gaps AS gap
        INNER JOIN public.instruments AS instrument ON instrument.id = gap.instrument_id
        WHERE instrument.symbol = known.symbol
            AND gap.state = 'open'
            AND (gap.gap_start AT TIME ZONE 'America/New_York')::date = p_date
    )
FROM public.underlying_securities AS known
LEFT JOIN public.collection_statistics AS measured
    ON measured.symbol = known.symbol AND measured.collection_date = p_date
WHERE known.symbol = p_symbol
$$;

COMMENT ON FUNCTION compat.calculate_collection_completeness(varchar, date) IS
'How much of a session is known: expected slots of the selected contracts, and those of which a trade or none is certain.'
