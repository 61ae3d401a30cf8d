-- Contracts selected for the session on which they expire, or after which they do before there is another one.
-- collected: it is settled in every series. lost: something of theirs is.
-- $1 underlying_id integer: whose contracts
-- $2 session_day date
-- $3 next_day date: of the next session
SELECT
    contract.id,
    contract.symbol,
    contract.source_id,
    contract.expiration_date,
    contract.strike_price,
    contract.option_type,
    contract.multiplier,
    contract.exchange,
    contract.trading_class,
    contract.currency,
    life.expiry_collected AS collected,
    EXISTS (
        SELECT FROM historical_data_gaps AS gap
        WHERE gap.instrument_id = contract.id AND gap.state = 'lost'
    ) AS lost
FROM option_contracts AS contract
INNER JOIN option_contract_lifecycle AS life ON life.contract_id = contract.id
WHERE contract.underlying_id = $1::integer
    AND contract.expiration_date >= $2::date
    AND contract.expiration_date < $3::date
    AND life.selected @> $2::date
ORDER BY contract.strike_price, contract.option_type
