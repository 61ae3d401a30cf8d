-- Note when the bytes of an object were last read from its place and were what the manifest says; NULL: they were not.
-- $1 object_id bigint
-- $2 verified_at timestamptz
UPDATE archive_objects SET verified_at = $2::timestamptz WHERE id = $1::bigint
