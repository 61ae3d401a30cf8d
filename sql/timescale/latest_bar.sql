-- When the latest bar of an underlying starts.
SELECT store.latest_bar() AS latest
