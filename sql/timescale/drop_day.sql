-- Drop the option bars of a day, unless it is too young or its summaries would lack it; tell why not.
-- $1 day timestamptz: its start
SELECT store.drop_day($1::timestamptz) AS why
