"""Allocation by scipy's SLSQP beside winnow: the same log curves, the same machine.

    allocate.py DATA WINNOW      DATA is not used; WINNOW is the command
"""
import json
import subprocess
import sys
import tempfile
import time

import numpy as np
from scipy.optimize import minimize

winnow = sys.argv[2]
rng = np.random.default_rng(1)
print("each row: entities, seconds and total return of SLSQP, then of the winnow command (with its start, JSON and report)")
for n in (3, 30, 100):
    a, b = 200 * np.exp(rng.normal(size=n)), 100 * np.exp(rng.normal(size=n))
    budget = 100.0 * n
    started = time.perf_counter()
    best = minimize(
        lambda x: -np.sum(a * np.log1p(x / b)),
        np.full(n, budget / n),
        jac=lambda x: -a / (b + x),
        bounds=[(0, budget)] * n,
        constraints={"type": "eq", "fun": lambda x: x.sum() - budget, "jac": lambda x: np.ones(n)},
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-12},
    )
    peer = time.perf_counter() - started
    curves = [{"entity": str(i), "curve": "log", "a": a[i], "b": b[i]} for i in range(n)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(curves, f)
        f.flush()
        started = time.perf_counter()
        out = subprocess.run(
            [winnow, "allocate", "--input", f.name, "--budget", str(budget), "--json"],
            capture_output=True, check=True)
        ours = time.perf_counter() - started
    reply = json.loads(out.stdout)
    print(f"{n:5d}  SLSQP {peer:8.3f} s {-best.fun:14.6f} (success {best.success})   "
          f"winnow {ours:8.3f} s {reply['expected']:14.6f}")
