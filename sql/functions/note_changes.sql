-- Count a change of the days on which bars of some instruments, or what is known of them, have changed.
-- The archive rebuilds what has changed since it was written, so every statement that writes bars or coverage calls this
-- in the same transaction. Days go in one order, so that two writers wait for each other and never in a circle.
CREATE OR REPLACE FUNCTION store.note_changes(kind smallint, instruments integer[], days date[]) RETURNS bigint
LANGUAGE plpgsql STRICT
SET plan_cache_mode = force_generic_plan  -- planned once a session, not once a batch
AS $$
DECLARE
    noted bigint;
BEGIN
    INSERT INTO session_changes AS known (underlying_id, data_set, session_date)
    SELECT DISTINCT owner.id, kind, changed.day
    FROM unnest(instruments, days) AS changed (instrument, day)
    LEFT JOIN option_chains AS contract ON contract.id = changed.instrument
    CROSS JOIN LATERAL (SELECT coalesce(contract.underlying_id, -changed.instrument) AS id) AS owner
    WHERE owner.id > 0
    ORDER BY changed.day, owner.id
    ON CONFLICT (underlying_id, data_set, session_date) DO UPDATE
    SET change = known.change + 1
    -- A transaction counts once, however many of its statements change the same day.
    WHERE known.xmin <> pg_current_xact_id()::xid;
    GET DIAGNOSTICS noted = ROW_COUNT;
    RETURN noted;
END
$$;

-- Return the days in UTC on which a set of spans has slots.
CREATE OR REPLACE FUNCTION store.days_of(spans tstzmultirange) RETURNS SETOF date
LANGUAGE sql STABLE
AS $$
SELECT DISTINCT day::date
FROM unnest(spans) AS span
CROSS JOIN LATERAL generate_series(
    date_trunc('day', lower(span) AT TIME ZONE 'UTC'),
    (upper(span) - INTERVAL '1 microsecond') AT TIME ZONE 'UTC',
    INTERVAL '1 day'
) AS day
$$
