-- Gaps that are still to be filled, with what a person calls their instrument.
CREATE OR REPLACE VIEW open_gaps AS
SELECT
    coalesce(own.symbol, of_chain.symbol) AS symbol,
    chain.contract_symbol,
    chain.expiration_date,
    gap.what_to_show,
    gap.gap_start,
    gap.gap_end,
    gap.gap_type,
    gap.detected_at,
    gap.id
FROM historical_data_gaps AS gap
LEFT JOIN option_chains AS chain ON chain.id = gap.contract_id
LEFT JOIN underlying_securities AS of_chain ON of_chain.id = chain.underlying_id
LEFT JOIN underlying_securities AS own ON own.id = gap.underlying_id
WHERE gap.state = 'open'
