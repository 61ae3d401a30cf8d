-- The first session day on which bars of an underlying, or of any of its contracts, are expected; NULL before there is one.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose bars, or whose contracts'
SELECT min(lower(selected)) AS first_selected
FROM selections
WHERE data_set = $1::smallint AND underlying_id = $2::integer AND NOT isempty(selected)
