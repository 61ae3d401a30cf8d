-- Whether bars of an earlier schema wait to be moved into the store.
SELECT to_regnamespace('decimals') IS NOT NULL
