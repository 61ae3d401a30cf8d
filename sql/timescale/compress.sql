-- Compress the chunk $1 from scratch.
SELECT compress_chunk($1::text::regclass)
