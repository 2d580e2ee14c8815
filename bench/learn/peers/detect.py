"""scikit-learn's IsolationForest and LocalOutlierFactor on the NAB series, by the scorer of
bench/learn/detect.c.

    detect.py DATA WINNOW      DATA holds nab/; bench_learn_detect is taken from beside WINNOW's bin/

Causal, as the benchmark asks: a row is seen as the last ten values, scaled by mean and deviation of
the rows before it; a model is fitted to the newest 3,000 such rows, anew every 250 rows, and scores
rows that come after. Rows before the first fit score lowest. Each profile gets its best threshold,
which ours does not.
"""
import csv
import glob
import os
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    import sklearn
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor
except ImportError as error:
    print(f"detect: peer skipped, scikit-learn cannot be loaded: {error}")
    sys.exit(0)

LAGS, KEPT, EVERY, FIRST = 10, 3000, 250, 150
data = os.path.join(sys.argv[1], "nab", "data")
binary = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[2]))), "bench",
                      "bench_learn_detect")
paths = sorted(glob.glob(os.path.join(data, "*", "*.csv")))
if not paths or not os.path.exists(binary):
    print(f"detect: peer skipped, no series in {data} or no {binary}")
    sys.exit(0)
series = {}
for path in paths:
    with open(path) as f:
        name = os.path.relpath(path, data).replace(os.sep, "/")
        series[name] = np.array([float(row["value"]) for row in csv.DictReader(f)])


def scores_of(values, make):
    n = len(values)
    rows = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.full(LAGS - 1, values[0]), values]),
                                                    LAGS)
    out = np.full(n, -np.inf)
    for at in range(FIRST, n, EVERY):
        past = values[max(0, at - KEPT):at]
        mean, deviation = past.mean(), max(past.std(), 1e-9)
        model = make().fit((rows[max(0, at - KEPT):at] - mean) / deviation)
        end = min(at + EVERY, n)
        out[at:end] = -model.score_samples((rows[at:end] - mean) / deviation)
    out[np.isneginf(out)] = out[np.isfinite(out)].min() - 1 if np.isfinite(out).any() else 0
    return out


detectors = {
    "IsolationForest": lambda: IsolationForest(n_estimators=100, random_state=1, n_jobs=1),
    "LocalOutlierFactor": lambda: LocalOutlierFactor(n_neighbors=20, novelty=True, n_jobs=1),
}
print(f"scikit-learn {sklearn.__version__}: standard, low FP, low FN")
for name, make in detectors.items():
    started = time.process_time()
    scores = {key: scores_of(values, make) for key, values in series.items()}
    seconds, n = time.process_time() - started, sum(len(v) for v in series.values())
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        for key, values in scores.items():
            f.write(key + "\n" + "\n".join(repr(float(v)) for v in values) + "\n")
        f.flush()
        ran = subprocess.run([binary, sys.argv[1], "--score", f.name], capture_output=True, text=True,
                             check=True)
    print(f"  {name:<18} {ran.stdout.strip()}; {n / seconds:,.0f} rows/s of processor time")
