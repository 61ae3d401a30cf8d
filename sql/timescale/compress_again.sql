-- Compress a compressed chunk afresh.
-- $1 chunk text
SELECT store.compress_again($1::text::regclass)
