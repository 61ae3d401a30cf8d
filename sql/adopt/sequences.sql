-- Let new rows take ids beyond the adopted ones.
SELECT
    setval(pg_get_serial_sequence('underlying_securities', 'id'), greatest((SELECT max(id) FROM underlying_securities), 1)),
    setval(pg_get_serial_sequence('option_chains', 'id'), greatest((SELECT max(id) FROM option_chains), 1)),
    setval(
        pg_get_serial_sequence('intraday_collection_runs', 'id'),
        greatest((SELECT max(id) FROM intraday_collection_runs), 1)
    )
