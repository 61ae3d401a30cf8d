-- Let this session's statements take as long as they need: moving years of bars into chunks does.
SET statement_timeout = 0
