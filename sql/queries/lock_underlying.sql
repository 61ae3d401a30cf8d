-- Let nobody else store contracts of an underlying until the transaction ends.
-- $1 underlying_id integer
SELECT id
FROM underlying_securities
WHERE id = $1::integer
FOR UPDATE
