-- Select contracts no more from a session on; sessions before stay as they were chosen.
-- $1 contract_ids integer[]
-- $2 session_day date
UPDATE option_contract_lifecycle
SET selected = selected - datemultirange(daterange($2::date, NULL))
WHERE contract_id = ANY($1::integer[])
    AND selected && daterange($2::date, NULL)
