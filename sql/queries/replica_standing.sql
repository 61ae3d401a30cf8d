-- Which server and database this is, whether it replays another one's log, and how old what it has replayed is.
-- A replica that has replayed all that it received, and goes on receiving, is not behind, however quiet the other one is.
SELECT
    (SELECT system_identifier FROM pg_control_system()) AS server,
    current_database() AS database,
    pg_is_in_recovery() AS replays,
    EXISTS (SELECT FROM pg_stat_wal_receiver) AS receives,
    CASE
        WHEN NOT pg_is_in_recovery() THEN 0
        WHEN
            EXISTS (SELECT FROM pg_stat_wal_receiver)
            AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
            THEN 0
        ELSE extract(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision
    END AS behind_s,
    pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')::bigint AS received,
    pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint AS replayed
