-- What the stored bars of a session say of its slots, packed: eight bytes a row, for rows by the hundred thousand.
-- A row is contract_id × 2^32 + slot × 2^8 + bits, the slot counted from the session's first; NULL without any row.
-- Bits: 1 traded, 2 bid and ask, 4 implied volatility, 16 a bar in quarantine, 8 and nobody knows whether it traded.
-- With the first and last id the batches of other underlyings stay shut on compressed days.
-- $1 bar_size interval
-- $2 first_id integer: of the contracts that are asked for
-- $3 last_id integer
-- $4 contract_ids integer[]
-- $5 span_start timestamptz: of the session's slots
-- $6 span_end timestamptz
SELECT
    string_agg(
        int8send(
            (bar.contract_id::bigint << 32)
            + ((extract(EPOCH FROM bar.time - $5::timestamptz) / extract(EPOCH FROM $1::interval))::bigint << 8)
            + (bar.volume > 0 AND bar.volume IS NOT NULL)::integer
            + 2 * (bar.bid_close IS NOT NULL AND bar.ask_close IS NOT NULL)::integer
            + 4 * (bar.implied_volatility IS NOT NULL AND bar.greeks_version IS NOT NULL)::integer
            + 8 * (bar.flags & 128 <> 0 AND bar.volume IS NULL)::integer
            + 16 * (bar.flags & 8421504 <> 0)::integer
        ),
        ''
    ) AS rows
FROM store.option_bars_5min AS bar
WHERE bar.contract_id >= $2::integer
    AND bar.contract_id <= $3::integer
    AND bar.contract_id = ANY($4::integer[])
    AND bar.time >= $5::timestamptz
    AND bar.time < $6::timestamptz
