-- Take the schema for readers of an earlier system away; it is empty.
DROP SCHEMA compat
