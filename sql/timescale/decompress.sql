-- Turn a chunk back into rows.
-- $1 chunk text
SELECT decompress_chunk($1::text::regclass)
