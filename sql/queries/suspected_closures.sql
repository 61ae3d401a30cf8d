-- Sessions on which no underlying had a bar when they were asked for, and whether that was told.
SELECT session_date, told_at
FROM suspected_closures
