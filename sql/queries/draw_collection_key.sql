-- Draw the key under which the collection lock is about to be held; whoever else draws one waits until we have decided.
UPDATE store.collection_lock
SET key = DEFAULT
RETURNING key
