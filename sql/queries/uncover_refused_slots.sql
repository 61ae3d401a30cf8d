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
),
changed AS (
    SELECT
        series.instrument_id,
        series.what_to_show,
        gone.slots AS gone,
        gone.slots * (series.covered + series.settled + series.single_witness) AS slots
    FROM staged
    INNER JOIN request_coverage AS series USING (instrument_id, data_set, what_to_show)
    LEFT JOIN kept USING (instrument_id, what_to_show)
    CROSS JOIN LATERAL (SELECT staged.refused - series.settled * coalesce(kept.slots, '{}') AS slots) AS gone
),
uncovered AS (
    UPDATE request_coverage AS series
    SET
        covered = series.covered - changed.gone,
        settled = series.settled - changed.gone,
        single_witness = series.single_witness - changed.gone
    FROM changed
    WHERE series.instrument_id = changed.instrument_id
        AND series.data_set = $1::smallint
        AND series.what_to_show = changed.what_to_show
)
SELECT store.note_changes($1::smallint, array_agg(instrument_id), array_agg(day)) AS changes
FROM changed
CROSS JOIN LATERAL store.days_of(slots) AS day
