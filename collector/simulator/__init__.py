"""A simulated IB Gateway that speaks the TWS wire protocol, with a market whose truth can be read."""
