-- The first session of which anything was measured, or that a run was for; NULL while there is none.
SELECT least(
    (SELECT min(collection_date) FROM collection_statistics),
    (SELECT min(run_date) FROM intraday_collection_runs)
)
