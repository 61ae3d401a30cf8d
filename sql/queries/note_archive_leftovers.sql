-- Note which paths at its place an object makes superfluous once they are there.
-- $1 object_id bigint
-- $2 leftovers text[]
UPDATE archive_objects SET leftovers = $2::text[] WHERE id = $1::bigint
