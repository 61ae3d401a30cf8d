-- Cover, and settle where it is final, what came a second time: of the staged bars those that stand in quarantine as seen twice.
UPDATE stage_coverage AS series
SET
    refused = series.refused - again.slots,
    covered = series.covered + again.slots,
    settled = series.settled + again.final
FROM (
    SELECT
        staged.contract_id,
        staged.underlying_id,
        staged.what_to_show,
        range_agg(tstzrange(slot, slot + INTERVAL '5 minutes')) AS slots,
        coalesce(range_agg(tstzrange(slot, slot + INTERVAL '5 minutes')) FILTER (WHERE final), '{}') AS final
    FROM stage_quarantine AS staged
    INNER JOIN quarantined_bars AS known
        ON known.what_to_show = staged.what_to_show
        AND known.time = staged.time
        AND (known.contract_id = staged.contract_id OR known.underlying_id = staged.underlying_id)
    INNER JOIN stage_coverage AS refusing
        ON refusing.what_to_show = staged.what_to_show
        AND (refusing.contract_id = staged.contract_id OR refusing.underlying_id = staged.underlying_id)
        AND refusing.refused @> staged.slot
    WHERE known.seen > 1
    GROUP BY staged.contract_id, staged.underlying_id, staged.what_to_show
) AS again
WHERE series.what_to_show = again.what_to_show
    AND (series.contract_id = again.contract_id OR series.underlying_id = again.underlying_id)
