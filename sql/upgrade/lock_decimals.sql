-- Keep readers from the bars in decimals while a day leaves: one that had planned before would see it in neither place.
LOCK TABLE ONLY decimals.option_bars_5min, decimals.underlying_bars_5min IN ACCESS EXCLUSIVE MODE
