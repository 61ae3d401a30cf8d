-- Take an object out of the manifest, with its sessions.
-- $1 object_id bigint
DELETE FROM archive_objects WHERE id = $1::bigint
