-- How many settled bars of an underlying's contracts were replaced in a span, and when last.
-- $1 underlying_id integer
-- $2 data_set_id smallint
-- $3 session_open timestamptz
-- $4 session_close timestamptz
SELECT
    count(*) AS revisions,
    count(DISTINCT revision.instrument_id) AS instruments,
    max(revision.replaced_at) AS last_replaced_at
FROM bar_revisions AS revision
LEFT JOIN option_chains AS chain ON chain.id = revision.contract_id
WHERE revision.data_set = $2::smallint
    AND revision.time >= $3::timestamptz
    AND revision.time < $4::timestamptz
    AND coalesce(chain.underlying_id, revision.underlying_id) = $1::integer
