-- Traded slots and settled TRADES spans of contracts within one session, a row a contract.
-- What is settled by a trade that stands in quarantine (flag 128) is left out: whether anybody traded is unknown.
-- $1 data_set_id smallint
-- $2 bar_size interval
-- $3 contract_ids integer[]
-- $4 span_start timestamptz
-- $5 span_end timestamptz
SELECT
    contract.id AS contract_id,
    coalesce(coverage.settled, '{}') - coalesce(
        (
            SELECT range_agg(tstzrange(bar.time, bar.time + $2::interval))
            FROM store.option_bars_5min AS bar
            WHERE bar.contract_id = contract.id
                AND bar.time >= $4::timestamptz
                AND bar.time < $5::timestamptz
                AND bar.flags & 128 <> 0
                AND bar.volume IS NULL
        ),
        '{}'
    ) AS settled,
    ARRAY(
        SELECT bar.time
        FROM store.option_bars_5min AS bar
        WHERE bar.contract_id = contract.id
            AND bar.time >= $4::timestamptz
            AND bar.time < $5::timestamptz
            AND bar.volume > 0
        ORDER BY bar.time
    ) AS traded
FROM unnest($3::integer[]) AS contract (id)
LEFT JOIN request_coverage AS coverage
    ON coverage.instrument_id = contract.id
    AND coverage.data_set = $1::smallint
    AND coverage.what_to_show = 'TRADES'
