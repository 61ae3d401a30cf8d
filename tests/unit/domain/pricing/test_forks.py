"""Pricing goes on when the process forks meanwhile, as it does to start a database's server."""

import subprocess
import sys

_LIMIT_S = 60

# Boundaries in one thread, forks in another; a user's id makes `subprocess` fork instead of taking a quicker way. A
# process of its own is needed because a calculation that never ends would keep the test's from ending. As many times
# as a session of 78 slots asks for: smaller products OpenBLAS does in one thread, which forks do not disturb.
_PROGRAM = """
import os, subprocess, threading, time
import numpy as np
from collector.domain.pricing.boundary import Boundary

done = 0

def calculate():
    global done
    boundary = Boundary(0.04, 0.01, np.linspace(0.05, 3.0, 40), 0.5)
    times = np.linspace(0.0, 0.5, 1326)
    while True:
        boundary.drops(times)
        done += 1

threading.Thread(target=calculate, daemon=True).start()
while not done:
    time.sleep(0.01)
for _ in range(60):
    subprocess.run(["true"], user=os.geteuid(), check=True)
before = done
while done < before + 2:
    time.sleep(0.01)
os._exit(0)
"""


def test_forks_do_not_stop_calculations() -> None:
    """After sixty forks in a row exercise boundaries still come."""
    subprocess.run([sys.executable, "-c", _PROGRAM], timeout=_LIMIT_S, check=True)
