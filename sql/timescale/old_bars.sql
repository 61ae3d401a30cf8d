-- What the days of underlyings before a border hold of a kind of bars, what is open of it, and where it is archived.
-- $1 data_set_id smallint
-- $2 underlyings integer[]
-- $3 borders date[]: one an underlying
-- $4 place text: of the archive, NULL where there is none
-- $5 needed boolean: by the option bars of their underlying's day
SELECT
    security.symbol,
    old.underlying_id,
    old.session_date AS day,
    old.bars,
    old.unsettled,
    old.bytes,
    (
        SELECT count(*)
        FROM historical_data_gaps AS gap
        LEFT JOIN option_chains AS chain ON chain.id = gap.instrument_id
        WHERE gap.state = 'open'
            AND gap.data_set = $1::smallint
            AND gap.gap_start >= old.session_date::timestamp AT TIME ZONE 'UTC'
            AND gap.gap_start < (old.session_date + 1)::timestamp AT TIME ZONE 'UTC'
            AND coalesce(chain.underlying_id, -gap.instrument_id) = old.underlying_id
    ) AS gaps,
    $5::boolean AND EXISTS (
        SELECT
        FROM store.option_bars_5min AS bar
        INNER JOIN option_chains AS chain ON chain.id = bar.contract_id
        WHERE chain.underlying_id = old.underlying_id
            AND bar.time >= old.session_date::timestamp AT TIME ZONE 'UTC'
            AND bar.time < (old.session_date + 1)::timestamp AT TIME ZONE 'UTC'
    ) AS needed,
    coalesce(present.change, 0) AS change,
    archived.change AS archived_change,
    archived.rows AS archived_rows,
    archived.id AS object,
    archived.path,
    archived.bytes AS object_bytes,
    archived.hash
FROM store.old_bars($1::smallint, $2::integer[], $3::date[]) AS old
INNER JOIN underlying_securities AS security ON security.id = old.underlying_id
LEFT JOIN session_changes AS present
    ON present.underlying_id = old.underlying_id
    AND present.data_set = $1::smallint
    AND present.session_date = old.session_date
LEFT JOIN LATERAL (
    SELECT
        session.change,
        session.rows,
        stored.id,
        stored.path,
        stored.bytes,
        stored.hash
    FROM archived_sessions AS session
    INNER JOIN archive_objects AS stored ON stored.id = session.object_id
    WHERE session.underlying_id = old.underlying_id
        AND session.data_set = $1::smallint
        AND session.session_date = old.session_date
        AND stored.place = $4::text
    ORDER BY session.change DESC, stored.id DESC
    LIMIT 1
) AS archived ON true
ORDER BY old.session_date, security.symbol
