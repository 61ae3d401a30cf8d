-- Whether this database has a key of the collection lock of its own; older ones do not.
SELECT to_regclass('store.collection_lock') IS NOT NULL
