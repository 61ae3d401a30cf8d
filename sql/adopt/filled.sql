-- Which of the adopted tables hold rows already.
SELECT 'underlying_securities' AS name, EXISTS (SELECT FROM underlying_securities) AS filled
UNION ALL
SELECT 'option_chains', EXISTS (SELECT FROM option_chains)
UNION ALL
SELECT 'intraday_collection_runs', EXISTS (SELECT FROM intraday_collection_runs)
