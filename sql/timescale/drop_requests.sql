-- Drop the chunks of requests that were all sent before $1.
SELECT drop_chunks('requests', older_than => $1::timestamptz)
