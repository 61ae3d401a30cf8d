-- Take objects out of the manifest, with their sessions.
-- $1 object_ids bigint[]
DELETE FROM archive_objects WHERE id = ANY($1::bigint[])
