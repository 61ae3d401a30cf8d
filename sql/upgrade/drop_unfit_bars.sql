-- Drop what a day's bars of one kind had that does not fit, before the other kind is looked at.
DROP TABLE unfit_bars
