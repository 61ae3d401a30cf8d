-- Turn the chunk $1 back into rows.
SELECT decompress_chunk($1::text::regclass)
