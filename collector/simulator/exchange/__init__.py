"""The simulated exchange behind the gateway.

The simulated exchange behind the simulated gateway: sessions, paths, volatility, chains, quotes and trades.
"""
