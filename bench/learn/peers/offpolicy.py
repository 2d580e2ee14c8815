"""The estimators of the Open Bandit Pipeline (obp) beside winnow: the same log, policy and q.

    offpolicy.py DATA WINNOW      DATA: the shared data sets; WINNOW: the command

obp asks for an old PyYAML that does not build any more and for torch, whose tensors it only tests for:
it is installed without what it asks for, and stands beside an empty torch.
"""
import csv
import io
import json
import lzma
import os
import subprocess
import sys
import tempfile
import types

import numpy as np

data, winnow = sys.argv[1], sys.argv[2]
path = os.path.join(data, "open_bandit", "{}", "men", "men.csv.xz")
if not os.path.exists(path.format("random")):
    sys.exit("offpolicy: open_bandit is not there: skipped")
if subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "obp==0.4.1"]).returncode:
    sys.exit("offpolicy: obp could not be installed: skipped")


class Nothing(type):
    """The type of types that no value has; their members are such types too."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name, (), {})


class Empty(types.ModuleType):
    def __getattr__(self, name):
        return getattr(Nothing("torch", (), {}), name)


sys.modules.update({name: Empty(name) for name in ("torch", "torch.nn", "torch.nn.functional", "torch.optim")})
from obp.ope import estimators as obp  # noqa: E402


def read(policy):
    with lzma.open(path.format(policy), "rt") as f:
        rows = list(csv.DictReader(f))
    column = lambda name, kind: np.array([kind(r[name]) for r in rows])
    return column("item_id", int), column("position", int) - 1, column("click", float), column("propensity_score", float)


def policy_of(log):
    item, position, _, propensity = log
    p = np.zeros((3, 34))
    for k in range(3):
        for a in range(34):
            at = (position == k) & (item == a)
            p[k, a] = propensity[at].mean() if at.any() else 0
    return p / p.sum(axis=1, keepdims=True)


def compare(name, log, p):
    item, position, click, propensity = log
    n, policy = len(item), p[position]
    smoothed = np.array([(click[item == a].sum() + 50 * click.mean()) / ((item == a).sum() + 50) for a in range(34)])
    q = np.tile(smoothed, (n, 1))
    given = dict(reward=click, action=item, pscore=propensity, action_dist=policy[:, :, None], position=np.zeros(n, int))
    theirs = {
        "dm": obp.DirectMethod().estimate_policy_value(
            action_dist=policy[:, :, None], estimated_rewards_by_reg_model=q[:, :, None], position=np.zeros(n, int)),
        "ipw": obp.InverseProbabilityWeighting().estimate_policy_value(**given),
        "snipw": obp.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**given),
        "dr": obp.DoublyRobust().estimate_policy_value(**given, estimated_rewards_by_reg_model=q[:, :, None]),
        "switch-dr": obp.SwitchDoublyRobust(tau=4.0).estimate_policy_value(
            **given, estimated_rewards_by_reg_model=q[:, :, None]),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as f:
        out = csv.writer(f)
        out.writerow(["action", "reward", "propensity"] + [f"new_{a}" for a in range(34)] + [f"q_{a}" for a in range(34)])
        for i in range(n):
            out.writerow([item[i], click[i], repr(float(propensity[i]))] + [repr(float(x)) for x in policy[i]] +
                         [repr(float(x)) for x in q[i]])
        f.flush()
        reply = subprocess.run([winnow, "bandit", "evaluate", "--input", f.name, "--tau", "4", "--json"],
                               capture_output=True, check=True)
    ours = json.load(io.BytesIO(reply.stdout))["estimates"]
    print(name)
    for estimator, value in theirs.items():
        own = ours[estimator]["value"]
        print(f"  {estimator:10s} obp {value:.10f}  winnow {own:.10f}  relative difference {abs(own / value - 1):.1e}")


random, thompson = read("random"), read("bts")
compare("Bernoulli Thompson sampling, by the log of uniform choice", random, policy_of(thompson))
compare("uniform choice, by the log of Bernoulli Thompson sampling", thompson, np.full((3, 34), 1 / 34))
