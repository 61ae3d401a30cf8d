-- Take from what is covered and settled the slots whose bars were refused: they have to be asked for again.
-- What has settled with a value keeps it: a bar that cannot be true says nothing against one that came before.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 instrument_ids integer[]: of slots that have a value
-- $4 series text[]
-- $5 times timestamptz[]
WITH staged AS (
    SELECT instrument_id, data_set, what_to_show, refused
    FROM stage_coverage
    WHERE data_set = $1::smallint AND NOT isempty(refused)
),
kept AS (
    SELECT instrument_id, what_to_show, range_agg(tstzrange(time, time + $2::interval)) AS slots
    FROM unnest($3::integer[], $4::text[], $5::timestamptz[]) AS valued (instrument_id, what_to_show, time)
    GROUP BY instrument_id, what_to_show
)
UPDATE request_coverage AS series
SET
    covered = series.covered - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    settled = series.settled - (staged.refused - series.settled * coalesce(kept.slots, '{}')),
    single_witness = series.single_witness - (staged.refused - series.settled * coalesce(kept.slots, '{}'))
FROM staged
LEFT JOIN kept USING (instrument_id, what_to_show)
WHERE series.instrument_id = staged.instrument_id
    AND series.data_set = staged.data_set
    AND series.what_to_show = staged.what_to_show
