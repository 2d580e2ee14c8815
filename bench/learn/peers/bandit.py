"""MABWiser beside winnow: the regret curve of the same world, the replay of the same table, and time.

    bandit.py DATA WINNOW      DATA: the shared data sets; WINNOW: the command
"""
import csv
import json
import os
import subprocess
import sys
import time

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

data, winnow = sys.argv[1], sys.argv[2]
RATES, ROUNDS, BATCH, RUNS = np.array([0.05, 0.04]), 10000, 10, 20
POLICIES = {
    "thompson": LearningPolicy.ThompsonSampling(),
    "ucb1": LearningPolicy.UCB1(alpha=1),
    "epsilon": LearningPolicy.EpsilonGreedy(epsilon=0.1),
}


def peer_run(policy, seed):
    """Regret after each tenth of the rounds; choices in batches of 10, then one update."""
    rng = np.random.default_rng(seed)
    mab = MAB([0, 1], policy, seed=seed)
    mab.fit([0, 1], [0, 0])
    regret, curve = 0.0, []
    for start in range(0, ROUNDS, BATCH):
        chosen = np.array([mab.predict() for _ in range(BATCH)])
        mab.partial_fit(chosen, (rng.random(BATCH) < RATES[chosen]).astype(int))
        regret += np.sum(RATES.max() - RATES[chosen])
        if (start + BATCH) % (ROUNDS // 5) == 0:
            curve.append(regret)
    return curve


print(f"regret at each fifth of {ROUNDS} rounds in batches of {BATCH}, rates .05 and .04, {RUNS} runs; processor seconds")
for name, policy in POLICIES.items():
    started = time.process_time()
    curves = np.array([peer_run(policy, seed) for seed in range(RUNS)])
    seconds = time.process_time() - started
    se = curves[:, -1].std(ddof=1) / np.sqrt(RUNS)
    print(f"  {name:9s} MABWiser {' '.join(f'{x:6.2f}' for x in curves.mean(axis=0))}  se {se:.2f}  {seconds:8.3f} s")
    before = os.times()
    out = subprocess.run(
        [winnow, "bandit", "simulate", "--rates", "0.05,0.04", "--rounds", str(ROUNDS), "--every", str(BATCH),
         "--runs", str(RUNS), "--policy", name, "--width", "1", "--json"], capture_output=True, check=True)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    points = json.loads(out.stdout)["policies"][0]["curve"]
    ours = [p for p in points if p["round"] % (ROUNDS // 5) == 0]
    curve = " ".join(f"{p['regret']:6.2f}" for p in ours)
    print(f"  {'':9s} winnow   {curve}  se {ours[-1]['se']:.2f}  {seconds:8.3f} s")

table = os.path.join(data, "ads_ctr_bandit", "Ads_CTR_Optimisation.csv")
if not os.path.exists(table):
    sys.exit("replay: ads_ctr_bandit is not there: skipped")
with open(table) as f:
    rewards = np.array([[int(x) for x in row] for row in list(csv.reader(f))[1:]])
SEEDS = 5
print(f"replay of ads_ctr_bandit, an update after every round: clicks, mean of {SEEDS} seeds (winnow: 100)")
for name in ("thompson", "ucb1"):
    started, clicks = time.process_time(), []
    for seed in range(SEEDS):
        mab = MAB(list(range(10)), POLICIES[name], seed=seed)
        mab.fit(list(range(10)), [0] * 10)
        total = 0
        for row in rewards:
            arm = mab.predict()
            total += row[arm]
            mab.partial_fit([arm], [row[arm]])
        clicks.append(total)
    seconds = (time.process_time() - started) / SEEDS
    before = os.times()
    out = subprocess.run([winnow, "bandit", "simulate", "--input", table, "--policy", name, "--runs", "100",
                          "--width", "1", "--json"], capture_output=True, check=True)
    after = os.times()
    ours = json.loads(out.stdout)["policies"][0]
    own = (after.children_user + after.children_system - before.children_user - before.children_system) / 100
    print(f"  {name:9s} MABWiser {np.mean(clicks):7.1f}, {seconds:.3f} s a replay   winnow {ours['successes']:7.1f}, "
          f"{own:.4f} s a replay: {seconds / own:.0f} times as fast")
