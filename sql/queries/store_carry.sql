-- Keep what the Greeks of an expiration on a session rest on.
-- $1 underlying id, $2 session day, $3 expiration, $4 rate, $5 yield, $6 its error, $7 pairs, $8 version, $9 now.
INSERT INTO expiration_carry (
    underlying_id, session_date, expiration_date, rate, dividend_yield, error, pairs, greeks_version, computed_at
)
VALUES (
    $1::integer, $2::date, $3::date, $4::double precision, $5::double precision, $6::double precision, $7::integer,
    $8::smallint, $9::timestamptz
)
ON CONFLICT (underlying_id, session_date, expiration_date) DO UPDATE
SET
    rate = excluded.rate,
    dividend_yield = excluded.dividend_yield,
    error = excluded.error,
    pairs = excluded.pairs,
    greeks_version = excluded.greeks_version,
    computed_at = excluded.computed_at
