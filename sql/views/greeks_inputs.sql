-- What the Greeks of each expiration and slot were computed from, to the last digit; a row a slot.
-- Expirations that were computed before their inputs were kept have none. Give it a session.
CREATE OR REPLACE VIEW greeks_inputs AS
SELECT
    carry.underlying_id,
    carry.session_date,
    carry.expiration_date,
    carry.first_slot + (price.place - 1) * INTERVAL '5 minutes' AS time,
    price.spot / 10000.0::double precision AS spot,
    (price.spot / 10000.0::double precision - ahead.present_value)
    * exp((carry.rate - carry.dividend_yield) * term.years) AS forward,
    term.years,
    carry.rate,
    carry.dividend_yield,
    ahead.amount AS cash_dividends,
    carry.dividend_source,
    carry.greeks_version
FROM expiration_carry AS carry
CROSS JOIN LATERAL unnest(carry.spots) WITH ORDINALITY AS price (spot, place)
CROSS JOIN LATERAL (
    SELECT
        greatest(
            extract(EPOCH FROM carry.expires_at - carry.first_slot - price.place * INTERVAL '5 minutes')
            ::double precision / 31536000.0,
            0.0
        ) AS years
) AS term
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(paid.amount), 0.0) AS amount,
        coalesce(sum(paid.amount * exp(-carry.rate * (term.years - paid.years_before))), 0.0) AS present_value
    FROM (
        SELECT (one ->> 0)::double precision AS amount, (one ->> 1)::double precision AS years_before
        FROM jsonb_array_elements(carry.dividends) AS one
    ) AS paid
    WHERE paid.years_before < term.years
) AS ahead
