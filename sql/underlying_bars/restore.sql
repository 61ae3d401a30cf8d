-- Store the staged bars of an underlying that are not stored yet, with what they themselves prove to be covered.
-- Slots of a series are settled where a bar of it is there and the archive says that its session had settled.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 settled date[]: the sessions that had settled throughout
-- $4 underlying_id integer: as it is numbered here
WITH added AS (
    INSERT INTO store.{bars} (
        time, underlying_id, open, up, down, close, vwap_off, volume, bar_count, {column}, collection_run_id, created_at,
        updated_at, flags, has_gaps
    )
    SELECT
        time, $4::integer, open, up, down, close, vwap_off, volume, bar_count, {column}, collection_run_id, created_at,
        updated_at, flags, has_gaps
    FROM stage_restored_{bars}
    ON CONFLICT (underlying_id, time) DO NOTHING
    RETURNING time
),
slots AS (
    SELECT series.what_to_show, staged.time
    FROM stage_restored_{bars} AS staged
    CROSS JOIN LATERAL (VALUES ('TRADES', staged.close), ('{series}', staged.{column})) AS series (what_to_show, known)
    WHERE series.known IS NOT NULL
),
covered AS (
    INSERT INTO request_coverage AS known (instrument_id, data_set, what_to_show, covered, settled)
    SELECT
        -$4::integer,
        $1::smallint,
        what_to_show,
        range_agg(tstzrange(time, time + $2::interval)),
        coalesce(
            range_agg(tstzrange(time, time + $2::interval)) FILTER (
                WHERE (time AT TIME ZONE 'UTC')::date = ANY($3::date[])
            ),
            '{}'
        )
    FROM slots
    GROUP BY what_to_show
    ON CONFLICT (instrument_id, data_set, what_to_show) DO UPDATE
    SET covered = known.covered + excluded.covered, settled = known.settled + excluded.settled
)
SELECT
    (SELECT count(*) FROM added) AS bars,
    (
        SELECT store.note_changes($1::smallint, array_agg(-$4::integer), array_agg(day))
        FROM (SELECT DISTINCT (time AT TIME ZONE 'UTC')::date AS day FROM added) AS changed
    ) AS noted
