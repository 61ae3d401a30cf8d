-- Store option contracts by the source's numbers, and return their ids and which are new; `lock_underlying` comes first.
-- New ones are not among them when no block of ids has room for them. Terms that differ from those given are kept.
-- $1 underlying_id integer: whose contracts
-- $2 source_ids integer[]: the source's numbers
-- $3 occ_symbols text[]
-- $4 expirations date[]
-- $5 strikes numeric[]
-- $6 rights text[]
-- $7 multipliers integer[]
-- $8 exchanges text[]
-- $9 trading_classes text[]
-- $10 currencies text[]
-- $11 now timestamptz
WITH given AS (
    SELECT *
    FROM unnest(
        $2::integer[], $3::text[], $4::date[], $5::numeric[], $6::text[], $7::integer[], $8::text[], $9::text[],
        $10::text[]
    ) AS t (
        ib_con_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange, trading_class,
        currency
    )
),
unknown AS (
    SELECT *
    FROM given
    WHERE NOT EXISTS (SELECT FROM option_chains AS known WHERE known.ib_con_id = given.ib_con_id)
),
block AS (
    -- An underlying has blocks of a million ids of its own: whatever is listed when, its contracts lie together in compressed
    -- days, and a surface opens no other underlying's batches. A full block is followed by the next that is free. Whoever has
    -- a block's last id has the block: adopted contracts lie where they lie, and two underlyings that begin the same block at
    -- the same moment meet in its first id: the later one tries again, and finds the next.
    SELECT coalesce(taken.id, block.start) AS last_id
    FROM generate_series(0, 2046) AS step
    CROSS JOIN LATERAL (SELECT ($1::integer + step) % 2047 << 20 AS start) AS block
    LEFT JOIN LATERAL (
        SELECT id, underlying_id
        FROM option_chains
        WHERE id >= block.start AND id < block.start + (1 << 20)
        ORDER BY id DESC
        LIMIT 1
    ) AS taken ON true
    WHERE EXISTS (SELECT FROM unknown)
        AND coalesce(taken.underlying_id, $1::integer) = $1::integer
        AND coalesce(taken.id, block.start) + (SELECT count(*) FROM unknown) < block.start + (1 << 20)
    ORDER BY step
    LIMIT 1
),
added AS (
    INSERT INTO option_chains (
        id, underlying_id, ib_con_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange,
        trading_class, currency, created_at, updated_at, last_updated
    )
    SELECT
        -- Ids in this order make neighbours of contracts whose prices are alike: bars compress 4 % better than with calls
        -- and puts in turn, 15 % better than with the source's numbers.
        block.last_id + row_number() OVER (ORDER BY expiration_date, option_type, strike_price, ib_con_id),
        $1::integer, ib_con_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange,
        trading_class, currency, $11::timestamptz, $11::timestamptz, $11::timestamptz
    FROM unknown
    CROSS JOIN block
    RETURNING id
),
kept AS (
    INSERT INTO earlier_contract_terms (
        contract_id, until, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange,
        trading_class, currency
    )
    SELECT
        known.id, $11::timestamptz, known.contract_symbol, known.expiration_date, known.strike_price, known.option_type,
        known.multiplier, known.exchange, known.trading_class, known.currency
    FROM option_chains AS known
    INNER JOIN given USING (ib_con_id)
    WHERE (
        known.contract_symbol, known.expiration_date, known.strike_price, known.option_type,
        known.multiplier, known.exchange, known.trading_class, known.currency
    )
    <> (
        given.contract_symbol, given.expiration_date, given.strike_price, given.option_type,
        given.multiplier, given.exchange, given.trading_class, given.currency
    )
    -- Twice at one instant: what was between has had no time.
    ON CONFLICT DO NOTHING
),
refreshed AS (
    UPDATE option_chains AS known
    SET
        underlying_id = $1::integer,
        contract_symbol = given.contract_symbol,
        expiration_date = given.expiration_date,
        strike_price = given.strike_price,
        option_type = given.option_type,
        multiplier = given.multiplier,
        exchange = given.exchange,
        trading_class = given.trading_class,
        currency = given.currency,
        active = true,
        updated_at = CASE
            WHEN known.active
                AND (
                    known.contract_symbol, known.expiration_date, known.strike_price, known.option_type,
                    known.multiplier, known.exchange, known.trading_class, known.currency
                )
                = (
                    given.contract_symbol, given.expiration_date, given.strike_price, given.option_type,
                    given.multiplier, given.exchange, given.trading_class, given.currency
                )
                THEN known.updated_at
            ELSE $11::timestamptz
        END,
        last_updated = $11::timestamptz
    FROM given
    WHERE known.ib_con_id = given.ib_con_id
    RETURNING known.id
)
SELECT id, true AS new FROM added
UNION ALL
SELECT id, false AS new FROM refreshed
