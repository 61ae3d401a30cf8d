-- Cover, and settle where it is final, what came a second time: of the staged bars those that stand in quarantine as seen twice.
-- $1 data_set_id smallint
-- $2 bar_size interval
UPDATE stage_coverage AS series
SET
    refused = series.refused - again.slots,
    covered = series.covered + again.slots,
    settled = series.settled + again.final
FROM (
    SELECT
        instrument_id,
        data_set,
        what_to_show,
        range_agg(tstzrange(staged.slot, staged.slot + $2::interval)) AS slots,
        coalesce(
            range_agg(tstzrange(staged.slot, staged.slot + $2::interval)) FILTER (WHERE staged.final), '{}'
        ) AS final
    FROM stage_quarantine AS staged
    INNER JOIN quarantined_bars AS known USING (instrument_id, data_set, what_to_show, time)
    INNER JOIN stage_coverage AS refusing USING (instrument_id, data_set, what_to_show)
    WHERE staged.data_set = $1::smallint AND known.seen > 1 AND refusing.refused @> staged.slot
    GROUP BY instrument_id, data_set, what_to_show
) AS again
WHERE series.instrument_id = again.instrument_id
    AND series.data_set = again.data_set
    AND series.what_to_show = again.what_to_show
