-- Drop the bars of some underlyings on a day, unless it is too young, not archived as it is, or its summaries would lack it.
-- $1 data_set_id smallint
-- $2 day date
-- $3 underlyings integer[]
-- $4 objects bigint[]: of the archive, one an underlying; NULL asks nothing of it
-- $5 hashes text[]: of these objects' bytes
SELECT store.drop_day($1::smallint, $2::date, $3::integer[], $4::bigint[], $5::text[]) AS why
