-- Count contracts as listed from the day of a staged bar on, when that is earlier than known.
-- Sessions from that day on are expected again where none was, because they lay before the listing.
-- $1 contract_ids integer[]
UPDATE option_contract_lifecycle AS life
SET
    listed_since = staged.day,
    selected = CASE
        WHEN life.selected @> staged.day THEN life.selected + datemultirange(daterange(staged.day, life.listed_since))
        ELSE life.selected
    END
FROM (
    SELECT contract_id, (min(time) AT TIME ZONE 'America/New_York')::date AS day
    FROM stage_option_bars
    WHERE contract_id = ANY($1::integer[])
    GROUP BY contract_id
) AS staged
WHERE life.contract_id = staged.contract_id AND life.listed_since > staged.day
