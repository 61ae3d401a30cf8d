-- Count anew what the planner wants to know.
ANALYZE
