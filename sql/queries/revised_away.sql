-- How many option bars of a day were replaced since an object was written, and are stored no more.
-- What was replaced before that says nothing: the object has the bar as it was then, and retention may have dropped it.
-- $1 data_set_id smallint
-- $2 underlying_id integer: whose contracts
-- $3 start timestamptz
-- $4 end timestamptz
-- $5 object_id bigint: of the archive
SELECT count(*) AS bars
FROM (
    SELECT DISTINCT gone.instrument_id, gone.time
    FROM bar_revisions AS gone
    INNER JOIN option_chains AS contract ON contract.id = gone.instrument_id
    WHERE contract.underlying_id = $2::integer
        AND gone.data_set = $1::smallint
        AND gone.time >= $3::timestamptz
        AND gone.time < $4::timestamptz
        AND gone.replaced_at > (SELECT written_at FROM archive_objects WHERE id = $5::bigint)
        AND NOT EXISTS (
            SELECT
            FROM store.option_bars_5min AS bar
            WHERE bar.contract_id = gone.instrument_id AND bar.time = gone.time
        )
) AS replaced
