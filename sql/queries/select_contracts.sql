-- Select contracts from a session to their expiration, and their underlying with them; count the newly selected ones.
-- $1 contract_ids integer[]
-- $2 session_day date
-- $3 underlying_data_set_id smallint: bars of the underlying that are expected wherever a contract is selected
WITH chosen AS (
    UPDATE option_contract_lifecycle AS life
    SET selected = life.selected + datemultirange(daterange($2::date, contract.expiration_date, '[]'))
    FROM option_chains AS contract
    WHERE contract.id = life.contract_id
        AND life.contract_id = ANY($1::integer[])
        AND contract.expiration_date >= $2::date
        AND NOT life.selected @> daterange($2::date, contract.expiration_date, '[]')
    RETURNING contract.underlying_id, contract.expiration_date
),
with_them AS (
    INSERT INTO underlying_selections AS known (underlying_id, data_set, selected)
    SELECT underlying_id, $3::smallint, datemultirange(daterange($2::date, max(expiration_date), '[]'))
    FROM chosen
    GROUP BY underlying_id
    ON CONFLICT (underlying_id, data_set) DO UPDATE SET selected = known.selected + excluded.selected
)
SELECT count(*) AS selected FROM chosen
