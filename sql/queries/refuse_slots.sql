-- Take from what is covered and settled the slots whose bars were refused: they have to be asked for again.
UPDATE request_coverage AS series
SET
    covered = series.covered - staged.refused,
    settled = series.settled - staged.refused,
    single_witness = series.single_witness - staged.refused
FROM stage_coverage AS staged
WHERE NOT isempty(staged.refused)
    AND series.what_to_show = staged.what_to_show
    AND (series.contract_id = staged.contract_id OR series.underlying_id = staged.underlying_id)
