-- Keep what the Greeks of an expiration on a session rest on.
-- $1 underlying_id integer
-- $2 session_day date
-- $3 expiration date
-- $4 rate double precision: a year, continuously compounded
-- $5 dividend_yield double precision
-- $6 error double precision: of the yield
-- $7 pairs integer: how many it was found from
-- $8 version smallint: of the Greeks
-- $9 now timestamptz
-- $10 dividend_source text
-- $11 cash_dividends double precision: USD per share
-- $12 expires_at timestamptz: when the contracts stop trading
-- $13 first_slot timestamptz: of the spots
-- $14 spots bigint[]: of the underlying by slot, ten-thousandths of a USD; NULL for none
-- $15 dividends jsonb: amount and years before the expiration, of each
INSERT INTO expiration_carry (
    underlying_id, session_date, expiration_date, rate, dividend_yield, error, pairs, greeks_version, computed_at,
    dividend_source, cash_dividends, expires_at, first_slot, spots, dividends
)
VALUES (
    $1::integer, $2::date, $3::date, $4::double precision, $5::double precision, $6::double precision, $7::integer,
    $8::smallint, $9::timestamptz, $10::text, $11::double precision, $12::timestamptz,
    $13::timestamptz, $14::bigint[], $15::jsonb
)
ON CONFLICT (underlying_id, session_date, expiration_date) DO UPDATE
SET
    rate = excluded.rate,
    dividend_yield = excluded.dividend_yield,
    error = excluded.error,
    pairs = excluded.pairs,
    greeks_version = excluded.greeks_version,
    computed_at = excluded.computed_at,
    dividend_source = excluded.dividend_source,
    cash_dividends = excluded.cash_dividends,
    expires_at = excluded.expires_at,
    first_slot = excluded.first_slot,
    spots = excluded.spots,
    dividends = excluded.dividends
