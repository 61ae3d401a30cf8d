-- Give contracts that the source lists under other numbers than before these numbers; their ids stay.
-- Some are listed no more under the number that they had, which is kept with its dates. Others were adopted without one:
-- of what is listed twice at one strike (an adjusted contract) they get the number of the same OCC symbol first.
-- $1 underlying_id integer: whose contracts
-- $2 source_ids integer[]: the source's numbers of all contracts that it lists for their expiration
-- $3 occ_symbols text[]
-- $4 expirations date[]
-- $5 strikes numeric[]
-- $6 rights text[]
-- $7 multipliers integer[]
-- $8 exchanges text[]
-- $9 trading_classes text[]
-- $10 now timestamptz
WITH unknown AS (
    SELECT *
    FROM unnest(
        $2::integer[], $3::text[], $4::date[], $5::numeric[], $6::text[], $7::integer[], $8::text[], $9::text[]
    ) AS given (
        source_id, contract_symbol, expiration_date, strike_price, option_type, multiplier, exchange, trading_class
    )
    WHERE NOT EXISTS (SELECT FROM option_chains AS known WHERE known.ib_con_id = given.source_id)
),
renumbered AS (
    -- Where several have the same terms, the one that was listed last.
    SELECT DISTINCT ON (unknown.contract_symbol, unknown.trading_class, unknown.multiplier, unknown.exchange)
        known.id,
        unknown.source_id,
        known.ib_con_id AS earlier_id
    FROM unknown
    INNER JOIN option_chains AS known USING (
        expiration_date, strike_price, option_type, contract_symbol, trading_class, multiplier, exchange
    )
    WHERE known.underlying_id = $1::integer
        AND known.ib_con_id > 0
        AND known.ib_con_id <> ALL($2::integer[])
    ORDER BY
        unknown.contract_symbol,
        unknown.trading_class,
        unknown.multiplier,
        unknown.exchange,
        known.last_updated DESC,
        known.id DESC,
        unknown.source_id
),
adopted AS (
    SELECT DISTINCT ON (unknown.expiration_date, unknown.strike_price, unknown.option_type)
        unnumbered.id,
        unknown.source_id
    FROM unknown
    INNER JOIN option_chains AS unnumbered USING (expiration_date, strike_price, option_type)
    WHERE unnumbered.underlying_id = $1::integer
        AND unnumbered.ib_con_id < 0
        AND unknown.source_id NOT IN (SELECT source_id FROM renumbered)
    ORDER BY
        unknown.expiration_date,
        unknown.strike_price,
        unknown.option_type,
        unnumbered.contract_symbol = unknown.contract_symbol DESC,
        unnumbered.id,
        unknown.source_id
),
noted AS (
    INSERT INTO earlier_source_ids (instrument_id, source, source_id, since, until)
    SELECT
        known.id,
        underlying.source,
        renumbered.earlier_id,
        coalesce((SELECT max(until) FROM earlier_source_ids WHERE instrument_id = known.id), known.created_at),
        $10::timestamptz
    FROM renumbered
    INNER JOIN option_chains AS known USING (id)
    INNER JOIN underlying_securities AS underlying ON underlying.id = known.underlying_id
)
UPDATE option_chains AS known
SET ib_con_id = pair.source_id, updated_at = $10::timestamptz
FROM (SELECT id, source_id FROM renumbered UNION ALL SELECT id, source_id FROM adopted) AS pair
WHERE known.id = pair.id
