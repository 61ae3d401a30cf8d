-- Drop the requests that were all sent before an instant.
-- $1 border timestamptz
SELECT store.drop_requests($1::timestamptz)
