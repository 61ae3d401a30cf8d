-- Traded slots and settled TRADES spans of contracts within one session, a row a contract: $1 contract ids, $2 from, $3 until.
SELECT
    contract.id AS contract_id,
    coalesce(coverage.settled, '{}') AS settled,
    ARRAY(
        SELECT bar.time
        FROM option_bars_5min AS bar
        WHERE bar.contract_id = contract.id
            AND bar.time >= $2::timestamptz
            AND bar.time < $3::timestamptz
            AND bar.volume > 0
        ORDER BY bar.time
    ) AS traded
FROM unnest($1::integer[]) AS contract (id)
LEFT JOIN request_coverage AS coverage ON coverage.contract_id = contract.id AND coverage.what_to_show = 'TRADES'
