-- Adopt contracts with their ids; one whose con_id is unknown gets minus its id until IB defines it.
INSERT INTO option_chains (
    id, underlying_id, contract_symbol, expiration_date, strike_price, option_type, ib_con_id, multiplier,
    exchange, trading_class, currency, active, created_at, updated_at, last_updated
)
SELECT
    adopted.id, adopted.underlying_id, adopted.contract_symbol, adopted.expiration_date, adopted.strike_price,
    adopted.option_type, adopted.ib_con_id, adopted.multiplier, adopted.exchange, adopted.trading_class,
    adopted.currency, adopted.active, adopted.created_at, adopted.updated_at, adopted.last_updated
FROM
    earlier_system.option_chains AS earlier,
    LATERAL jsonb_populate_record(
        NULL::option_chains,
        jsonb_build_object(
            'contract_symbol', 'unknown ' || earlier.id, 'ib_con_id', -earlier.id, 'multiplier', 100,
            'exchange', 'SMART', 'trading_class', '', 'currency', 'USD', 'active', true, 'created_at', now(),
            'updated_at', now(), 'last_updated', now()
        ) || jsonb_strip_nulls(to_jsonb(earlier))
    ) AS adopted
