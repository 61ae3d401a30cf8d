-- Compress what is older than an age in a hypertable or aggregate, by a background job.
-- $1 name text
-- $2 compress_after interval
CALL add_columnstore_policy($1::text::regclass, after => $2::interval, if_not_exists => true)
