-- Adopt underlyings with their ids; one whose con_id is unknown gets minus its id until IB defines it.
INSERT INTO underlying_securities (
    id, symbol, name, active, ib_con_id, sec_type, exchange, primary_exchange, currency, created_at, updated_at
)
SELECT
    adopted.id, adopted.symbol, adopted.name, adopted.active, adopted.ib_con_id, adopted.sec_type,
    adopted.exchange, adopted.primary_exchange, adopted.currency, adopted.created_at, adopted.updated_at
FROM
    earlier_system.underlying_securities AS earlier,
    LATERAL jsonb_populate_record(
        NULL::underlying_securities,
        jsonb_build_object(
            'name', '', 'active', true, 'ib_con_id', -earlier.id, 'sec_type', 'STK', 'exchange', 'SMART',
            'primary_exchange', '', 'currency', 'USD', 'created_at', now(), 'updated_at', now()
        ) || jsonb_strip_nulls(to_jsonb(earlier))
    ) AS adopted
