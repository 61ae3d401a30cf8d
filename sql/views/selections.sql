-- Sessions on which bars of an instrument are expected, by data set, and the last on which there can be any.
CREATE OR REPLACE VIEW selections AS
SELECT
    life.contract_id AS instrument_id,
    chain.underlying_id,
    kind.id AS data_set,
    life.selected,
    chain.expiration_date AS last_day
FROM option_contract_lifecycle AS life
INNER JOIN option_chains AS chain ON chain.id = life.contract_id
INNER JOIN data_sets AS kind ON kind.instrument_kind = 'option'
UNION ALL
SELECT
    -own.underlying_id,
    own.underlying_id,
    own.data_set,
    own.selected,
    NULL
FROM underlying_selections AS own
