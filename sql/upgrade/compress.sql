-- Compress a chunk.
-- $1 chunk text
SELECT compress_chunk($1::text::regclass)
