-- Draw the key under which the collection lock is about to be held, also where its row is lost; whoever else draws waits.
INSERT INTO store.collection_lock AS lock DEFAULT VALUES
ON CONFLICT (one) DO UPDATE
SET key = DEFAULT
RETURNING lock.key
