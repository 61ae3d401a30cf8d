-- What the Greeks of an expiration on a session rest on, with the parameters of their version.
-- $1 underlying_id integer
-- $2 session_day date
-- $3 expiration date
SELECT
    carry.rate,
    carry.dividend_yield,
    carry.error,
    carry.pairs,
    carry.greeks_version,
    carry.computed_at,
    carry.dividend_source,
    carry.expires_at,
    carry.first_slot,
    carry.spots,
    carry.dividends,
    known.parameters
FROM expiration_carry AS carry
LEFT JOIN greeks_parameters AS known ON known.version = carry.greeks_version
WHERE carry.underlying_id = $1::integer
    AND carry.session_date = $2::date
    AND carry.expiration_date = $3::date
