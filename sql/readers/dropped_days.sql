-- Days of which option bars have settled, and of which no bar is there any more, neither in the database nor in an archive.
-- $1 underlying_id integer: whose contracts
-- $2 data_set_id smallint
-- $3 place text: the archive's; NULL is none
-- $4 days date[]: to look at
-- $5 first_id integer: of the underlying's contracts
-- $6 last_id integer
SELECT day
FROM unnest($4::date[]) AS day
WHERE NOT EXISTS (
    SELECT
    FROM store.option_bars_5min AS bar
    WHERE bar.contract_id >= $5::integer
        AND bar.contract_id <= $6::integer
        AND bar.time >= day::timestamp AT TIME ZONE 'UTC'
        AND bar.time < (day + 1)::timestamp AT TIME ZONE 'UTC'
        -- Ids of adopted contracts lie between those of other underlyings.
        AND (SELECT underlying_id FROM option_chains WHERE id = bar.contract_id) = $1::integer
)
    AND NOT EXISTS (
        SELECT
        FROM archived_sessions AS held
        INNER JOIN archive_objects AS object ON object.id = held.object_id
        WHERE object.place = $3::text
            AND held.underlying_id = $1::integer
            AND held.data_set = $2::smallint
            AND held.session_date = day
    )
    AND EXISTS (
        SELECT
        FROM option_chains AS chain
        INNER JOIN request_coverage AS coverage ON coverage.instrument_id = chain.id
        WHERE chain.underlying_id = $1::integer
            AND chain.expiration_date >= day
            AND coverage.data_set = $2::smallint
            AND coverage.settled && tstzrange(
                day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC'
            )
    )
ORDER BY day
