-- When the latest 5-minute bar of an underlying starts, NULL without one: the source's word on how late it is at least.
-- The machine's clock can be set; by itself it makes nothing old that goes for good.
CREATE OR REPLACE FUNCTION store.latest_bar() RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
SELECT max(time) FROM store.underlying_bars_5min
$$
