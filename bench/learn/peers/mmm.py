"""The media mix of PyMC-Marketing on its own public example, beside winnow's joint fit.

    mmm.py DATA WINNOW      DATA holds mmm/; bench_learn_mmm is taken from beside WINNOW's bin/

The truth is what the authors' notebook publishes: two channels with geometric adstock (alpha .4,
.2; 8 lags, normalised) and logistic saturation (lambda 4, 3; beta 3, 2), times 1000.
"""
import logging
import os
import re
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")
data, winnow = sys.argv[1], sys.argv[2]
path = os.path.join(data, "mmm", "pymc_mmm_example.csv")
if not os.path.exists(path):
    print("mmm: peer skipped, no mmm/pymc_mmm_example.csv")
    sys.exit(0)
try:
    import numpy as np
    import pandas as pd
    import pymc_marketing
    from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation
except ImportError as error:
    print(f"mmm: peer skipped, pymc-marketing cannot be loaded: {error}")
    sys.exit(0)

logging.getLogger("pymc").setLevel(logging.ERROR)

CHANNELS = ["x1", "x2"]
ALPHA, LAMBDA, BETA = [0.4, 0.2], [4, 3], [3, 2]
DRAWS, TUNE, CHAINS, SEED = 500, 500, 2, 1


def truth(frame):
    totals = []
    for channel, alpha, lam, beta in zip(CHANNELS, ALPHA, LAMBDA, BETA):
        weights = alpha ** np.arange(8)
        stock = np.convolve(frame[channel], weights / weights.sum())[: len(frame)]
        totals.append(1000 * beta * np.sum((1 - np.exp(-lam * stock)) / (1 + np.exp(-lam * stock))))
    return totals


frame = pd.read_csv(path)
frame["date_week"] = pd.to_datetime(frame["date_week"], format="%m/%d/%Y")
mmm = MMM(
    date_column="date_week",
    channel_columns=CHANNELS,
    control_columns=["event_1", "event_2", "t"],
    adstock=GeometricAdstock(l_max=8),
    saturation=LogisticSaturation(),
    yearly_seasonality=2,
)
started, started_cpu = time.perf_counter(), os.times()
mmm.fit(
    frame.drop(columns=["y", "dayofyear"]), frame["y"],
    draws=DRAWS, tune=TUNE, chains=CHAINS, cores=CHAINS, random_seed=SEED, progressbar=False,
)
seconds, used = time.perf_counter() - started, os.times()
cpu = sum(used[:4]) - sum(started_cpu[:4])

draws = mmm.compute_channel_contribution_original_scale()
totals = draws.sum("date").stack(sample=("chain", "draw"))
print(f"  pymc-marketing {pymc_marketing.__version__} on its example ({len(frame)} weeks; {CHAINS} "
      f"chains of {TUNE} + {DRAWS} draws): {seconds:.1f} s, {cpu:.1f} s of processor time")
covered = 0
for channel, true in zip(CHANNELS, truth(frame)):
    sample = totals.sel(channel=channel).values
    low, high = np.quantile(sample, [0.1, 0.9])
    covered += low <= true <= high
    print(f"    {channel}: contribution {sample.mean():.0f} (80 % interval {low:.0f} to {high:.0f}), "
          f"published truth {true:.0f}: error {100 * abs(sample.mean() / true - 1):.1f} %, "
          f"{'inside' if low <= true <= high else 'outside'}")
print(f"    80 % interval holds the truth of {covered} of {len(CHANNELS)} channels")

ours = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(winnow))), "bench", "bench_learn_mmm")
if os.path.exists(ours):
    lines = subprocess.run([ours, data], capture_output=True, text=True, check=True).stdout.splitlines()
    at = next((i for i, line in enumerate(lines) if "PyMC-Marketing example" in line), len(lines))
    print("  winnow on the same:")
    print("\n".join(lines[at:at + 3]))
    found = [[int(x) for x in match] for match in re.findall(
        r"interval (-?\d+) to (-?\d+)\), published truth (\d+)", "\n".join(lines[at:at + 3]))]
    print(f"    80 % interval holds the truth of {sum(low <= true <= high for low, high, true in found)} "
          f"of {len(found)} channels")
else:
    print("  winnow's own figures: ninja bench_learn_mmm")
