-- Gaps that are still to be filled, with what a person calls their instrument.
CREATE OR REPLACE VIEW open_gaps AS
SELECT
    underlying.symbol,
    chain.contract_symbol,
    chain.expiration_date,
    gap.what_to_show,
    gap.gap_start,
    gap.gap_end,
    gap.gap_type,
    gap.detected_at,
    gap.id
FROM historical_data_gaps AS gap
LEFT JOIN option_chains AS chain ON chain.id = gap.instrument_id
INNER JOIN underlying_securities AS underlying ON underlying.id = coalesce(chain.underlying_id, -gap.instrument_id)
WHERE gap.state = 'open'
