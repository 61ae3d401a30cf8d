-- Drop the chunks of requests that were all sent before an instant.
-- $1 border timestamptz
SELECT drop_chunks('requests', older_than => $1::timestamptz)
