"""A plain fit of the same histories with scipy: geometric adstock and a Hill curve by non-linear
least squares, beside winnow's, on the market simulator's exported days.

    curve.py DATA WINNOW      bench_learn_curve is taken from beside WINNOW's bin/

Per campaign: the best of ten carry-overs, the Hill parameters by scipy.optimize.curve_fit with
bounds, from three starts; its interval by the delta method from curve_fit's covariance. The two
questions, and the noise added to the interval of the first, are those of bench/learn/curve.c.
"""
import csv
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict

try:
    import numpy as np
    import scipy
    from scipy.optimize import curve_fit
except ImportError as error:
    print(f"curve: peer skipped, scipy cannot be loaded: {error}")
    sys.exit(0)

warnings.filterwarnings("ignore")
Z80, FUTURE_DAYS = 1.2815515655446004, 60


def hill(x, gain, half, slope):
    return gain / (1 + (half / np.maximum(x, 1e-9)) ** slope)


def adstock(spend, carry):
    stock = np.empty_like(spend)
    stock[0] = spend[0]
    for t in range(1, len(spend)):
        stock[t] = carry * stock[t - 1] + (1 - carry) * spend[t]
    return stock


def fit(spend, revenue):
    """Best (loss, parameters, covariance), spend and revenue in units of their means."""
    best = None
    for carry in np.arange(10) / 10:
        stock = adstock(spend, carry)
        for half in (0.3, 1, 4):
            try:
                found, covariance = curve_fit(
                    hill, stock, revenue, p0=[1 + half, half, 1],
                    bounds=([0, 0.01, 0.3], [100, 50, 4]), max_nfev=400)
            except (RuntimeError, ValueError):
                continue
            loss = np.sum((revenue - hill(stock, *found)) ** 2)
            if best is None or loss < best[0]:
                best = loss, found, covariance
    return best


def gradient(parameters):
    steps = 1e-5 * np.maximum(np.abs(parameters), 1e-3)
    up, down = parameters + np.diag(steps), parameters - np.diag(steps)
    return np.array([(hill(1.0, *u) - hill(1.0, *d)) / (2 * s)
                     for u, d, s in zip(up, down, steps)])


binary = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[2]))), "bench",
                      "bench_learn_curve")
with tempfile.TemporaryDirectory() as folder:
    ran = subprocess.run([binary, sys.argv[1], "--export", folder], capture_output=True, text=True)
    if ran.returncode:
        print(f"curve: peer skipped, {binary} did not run: {ran.stderr.strip()}")
        sys.exit(0)
    histories = defaultdict(list)
    with open(os.path.join(folder, "history.csv")) as f:
        for row in csv.DictReader(f):
            histories[row["world"], row["campaign"]].append(
                (int(row["day"]), float(row["spend"]), float(row["revenue"])))
    with open(os.path.join(folder, "truth.csv")) as f:
        truths = list(csv.DictReader(f))

covered = error = gain_error = failed = 0
started = time.process_time()
for truth in truths:
    days = np.array(histories[truth["world"], truth["campaign"]])
    spend, revenue = days[:, 1] / days[:, 1].mean(), days[:, 2] / days[:, 2].mean()
    best = fit(spend, revenue)
    if best is None:
        failed += 1
        continue
    loss, found, covariance = best
    per_unit = days[:, 2].mean() / days[:, 1].mean()
    slope = gradient(found)
    variance = slope @ covariance @ slope
    noise = loss / max(len(days) - 3, 1) / FUTURE_DAYS
    roas, future = per_unit * hill(1.0, *found), float(truth["future_roas"])
    half_width = Z80 * per_unit * np.sqrt(variance + noise) if np.isfinite(variance) else np.inf
    covered += abs(roas - future) <= half_width
    error += abs(roas / future - 1)
    gain_error += abs(hill(1.5, *found) / hill(1.0, *found) - float(truth["gain"]))
seconds, n = time.process_time() - started, len(truths) - failed
print(f"  scipy {scipy.__version__} on the same {n} campaigns ({failed} not fitted): {seconds:.1f} s of "
      f"processor time")
print(f"  {'ROAS of the next 60 days':<36} coverage of the 80 % interval {covered / n:.3f}, mean error "
      f"{error / n:.3f}")
print(f"  {'return of 1.5 x spend over 1 x':<36} mean error {gain_error / n:.3f}")
