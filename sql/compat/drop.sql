-- Take the schema for readers of an earlier system away; it holds nothing.
DROP SCHEMA compat CASCADE
