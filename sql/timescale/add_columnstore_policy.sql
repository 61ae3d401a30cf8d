-- Compress what is older than $2 in the hypertable or aggregate $1, by a background job.
CALL add_columnstore_policy($1::text::regclass, after => $2::interval, if_not_exists => true)
