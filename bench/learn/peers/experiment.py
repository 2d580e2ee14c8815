"""Tests without and with an effect, looked at again and again, by GrowthBook's engine and by winnow's formula.

    experiment.py DATA WINNOW [TESTS]      DATA is not used; WINNOW is the command

Both get the same simulated counts. GrowthBook's sequential test, its fixed t-test (what peeking does to it),
and the normal mixture as the headers of winnow define it, whose figures are first held against the command.
"""
import json
import math
import subprocess
import sys
import time

import numpy as np
from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import ProportionStatistic
from scipy import stats

winnow = sys.argv[2]
N_TESTS = int(sys.argv[3]) if len(sys.argv) > 3 else 200


def mixture(k_a, k_b, n, tau, alpha=0.05):
    """Half-width of the normal mixture; vectors over looks."""
    p, q = k_a / n, k_b / n
    v = p * (1 - p) / n + q * (1 - q) / n
    return q - p, np.sqrt(v * (v + tau**2) / tau**2 * (np.log((v + tau**2) / v) - 2 * math.log(alpha)))


def command(k_a, k_b, n, tau):
    out = subprocess.run(
        [winnow, "abtest", "--input", "-", "--tau", repr(tau), "--json"],
        input=f"variant,n,conversions\nA,{n},{k_a}\nB,{n},{k_b}\n", capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


# The split against scipy, and the interval against the formula in numpy.
answer = command(500, 600, 10000, 0.01)
b = answer["metrics"][0]["variants"][1]
effect, half = mixture(np.array(500.0), np.array(600.0), np.array(10000.0), 0.01)
print(f"interval of 500 and 600 of 10,000: winnow {b['difference']['low']:.9f} to {b['difference']['high']:.9f}, "
      f"numpy {effect - half:.9f} to {effect + half:.9f}")
skewed = json.loads(subprocess.run([winnow, "abtest", "--input", "-", "--json"], text=True, capture_output=True, check=True,
                                   input="variant,n,conversions\nA,50550,500\nB,49450,500\n").stdout)
print(f"split 50,550 to 49,450: winnow p = {skewed['split']['p']:.9f}, scipy {stats.chisquare([50550, 49450]).pvalue:.9f}")


def ever(rate, lift, n_looks, by, tau, seed):
    rng = np.random.default_rng(seed)
    found = {"winnow": 0, "growthbook sequential": 0, "growthbook fixed": 0}
    spent = 0.0
    for _ in range(N_TESTS):
        k_a = rng.binomial(by, rate, n_looks).cumsum()
        k_b = rng.binomial(by, rate * (1 + lift), n_looks).cumsum()
        n = by * np.arange(1, n_looks + 1)
        enough = np.minimum(k_a, k_b) >= 100
        d, h = mixture(k_a, k_b, n, tau)
        found["winnow"] += bool(np.any((np.abs(d) > h) & enough))
        began = time.perf_counter()
        hits = set()
        for i in np.flatnonzero(enough):
            pair = (ProportionStatistic(n=int(n[i]), sum=int(k_a[i])), ProportionStatistic(n=int(n[i]), sum=int(k_b[i])))
            for name, test, config in (
                ("growthbook sequential", SequentialTwoSidedTTest, SequentialConfig(difference_type="absolute")),
                ("growthbook fixed", TwoSidedTTest, FrequentistConfig(difference_type="absolute")),
            ):
                if name not in hits:
                    low, high = test(*pair, config).compute_result().ci
                    if low > 0 or high < 0:
                        hits.add(name)
        spent += time.perf_counter() - began
        for name in hits:
            found[name] += 1
    return found, spent


print(f"\nshare of {N_TESTS} tests in which a difference was ever found, 50 looks from 100 conversions on")
for name, rate, lift, by in (("no effect, 5 %", .05, 0, 1000), ("no effect, 1 %", .01, 0, 2000),
                             ("+10 % on 5 %", .05, .1, 1000), ("+20 % on 5 %", .05, .2, 400)):
    found, _ = ever(rate, lift, 50, by, .1 * rate, 7)
    print(f"{name:16s}" + "".join(f"   {who} {100 * n / N_TESTS:5.1f} %" for who, n in found.items()))
