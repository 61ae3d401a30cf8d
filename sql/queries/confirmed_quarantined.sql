-- Read which staged bars have come a second time: the slots of those that stand in quarantine as seen twice.
-- $1 data_set_id smallint
-- $2 bar_size interval
SELECT
    instrument_id,
    what_to_show,
    range_agg(tstzrange(staged.slot, staged.slot + $2::interval)) AS slots,
    coalesce(
        range_agg(tstzrange(staged.slot, staged.slot + $2::interval)) FILTER (WHERE staged.final), '{}'
    ) AS final
FROM stage_quarantine AS staged
INNER JOIN quarantined_bars AS known USING (instrument_id, data_set, what_to_show, time)
WHERE staged.data_set = $1::smallint AND known.seen > 1
GROUP BY instrument_id, what_to_show
