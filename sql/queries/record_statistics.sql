-- Keep a session's statistics of a symbol; a later measurement replaces what it knows.
-- $1 session_day date
-- $2 symbol text
-- $3 contracts integer
-- $4 contracts_settled integer
-- $5 rows bigint
-- $6 duration_s numeric: NULL leaves what is known
-- $7 bars_per_contract numeric
-- $8 completeness numeric: percent
-- $9 error_rate numeric: percent; NULL leaves what is known
-- $10 fill numeric: percent
-- $11 slots bigint: expected
-- $12 traded bigint
-- $13 no_trade bigint
-- $14 unknown bigint
-- $15 now timestamptz
INSERT INTO collection_statistics AS old (
    collection_date, symbol, total_contracts, successful_contracts, total_bars_collected, collection_duration_seconds,
    avg_bars_per_contract, data_completeness_percent, error_rate_percent, fill_percent, expected_slots, traded_slots,
    no_trade_slots, unknown_slots, created_at
)
VALUES (
    $1::date, $2::text, $3::integer, $4::integer, $5::bigint, $6::numeric, $7::numeric, $8::numeric, $9::numeric,
    $10::numeric, $11::bigint, $12::bigint, $13::bigint, $14::bigint, $15::timestamptz
)
ON CONFLICT (collection_date, symbol) DO UPDATE
SET
    total_contracts = excluded.total_contracts,
    successful_contracts = excluded.successful_contracts,
    total_bars_collected = excluded.total_bars_collected,
    collection_duration_seconds = coalesce(excluded.collection_duration_seconds, old.collection_duration_seconds),
    avg_bars_per_contract = excluded.avg_bars_per_contract,
    data_completeness_percent = excluded.data_completeness_percent,
    error_rate_percent = coalesce(excluded.error_rate_percent, old.error_rate_percent),
    fill_percent = excluded.fill_percent,
    expected_slots = excluded.expected_slots,
    traded_slots = excluded.traded_slots,
    no_trade_slots = excluded.no_trade_slots,
    unknown_slots = excluded.unknown_slots,
    created_at = excluded.created_at
