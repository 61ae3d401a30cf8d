-- Compute the aggregate $1 again where bars changed between $2 and $3.
CALL refresh_continuous_aggregate($1::text::regclass, $2::timestamptz, $3::timestamptz)
