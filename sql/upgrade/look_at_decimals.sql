-- Let this transaction mean by a table of bars the one in decimals, before the upgrade the one in the default schema.
SET LOCAL search_path = decimals, public
