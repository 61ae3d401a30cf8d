-- Store the staged option bars that are not stored yet, with what they themselves prove to be covered.
-- Slots of a series are settled where a bar of it is there and the archive says that its session had settled.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 settled date[]: the sessions that had settled throughout
WITH added AS (
    INSERT INTO store.option_bars_5min
    SELECT staged.*
    FROM stage_restored_option_bars AS staged
    ON CONFLICT (contract_id, time) DO NOTHING
    RETURNING contract_id, time
),
slots AS (
    SELECT staged.contract_id, series.what_to_show, staged.time
    FROM stage_restored_option_bars AS staged
    CROSS JOIN LATERAL (
        VALUES ('TRADES', staged.volume), ('BID', staged.bid_close), ('ASK', staged.ask_close)
    ) AS series (what_to_show, known)
    WHERE series.known IS NOT NULL
),
covered AS (
    INSERT INTO request_coverage AS known (instrument_id, data_set, what_to_show, covered, settled)
    SELECT
        contract_id,
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
    GROUP BY contract_id, what_to_show
    ON CONFLICT (instrument_id, data_set, what_to_show) DO UPDATE
    SET covered = known.covered + excluded.covered, settled = known.settled + excluded.settled
)
SELECT
    (SELECT count(*) FROM added) AS bars,
    (
        SELECT store.note_changes($1::smallint, array_agg(contract_id), array_agg(day))
        FROM (SELECT DISTINCT contract_id, (time AT TIME ZONE 'UTC')::date AS day FROM added) AS changed
    ) AS noted
