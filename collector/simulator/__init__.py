"""A simulated IB Gateway with a readable market.

A simulated IB Gateway that speaks the TWS wire protocol, with a market whose truth can be read.
"""

from collector.simulator.launch import TruthRow, serve, start, truth_rows

__all__ = ["TruthRow", "serve", "start", "truth_rows"]
