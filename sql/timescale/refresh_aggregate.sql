-- Compute an aggregate again where bars changed in a span.
-- $1 name text
-- $2 start timestamptz
-- $3 end timestamptz
CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz)
