"""Attribution by the ChannelAttribution package beside winnow: the same paths, the same machine.

    attribute.py DATA WINNOW      skips where DATA has no channel_attribution/Data.csv
"""
import csv
import io
import os
import subprocess
import sys
import time

path = os.path.join(sys.argv[1], "channel_attribution", "Data.csv")
if not os.path.exists(path):
    print(f"skipped: {path} is not there")
    sys.exit(0)
import pandas as pd
import ChannelAttribution as ca

data = pd.read_csv(path, sep=";")


def timed(call):
    started = time.process_time()
    result = call()
    return result, time.process_time() - started


names = dict(var_path="path", var_conv="total_conversions", var_value="total_conversion_value")
rules, cpu_rules = timed(lambda: ca.heuristic_models(data, flg_pro=False, **names))
markov, cpu_markov = timed(
    lambda: ca.markov_model(data, var_null="total_null", order=1, nsim_start=1000000, seed=1,
                            ncore=1, out_more=False, flg_pro=False, verbose=False, **names))


def winnow():
    return subprocess.run([sys.argv[2], "attribute", "--input", path, "--bootstraps", "0"],
                          capture_output=True, check=True, text=True).stdout


before = os.times()
out = winnow()
after = os.times()
cpu_ours = after.children_user + after.children_system - before.children_user - before.children_system
ours = {row["channel"]: row for row in csv.DictReader(io.StringIO(out))}


def column(frame, *words):
    for name in frame.columns:
        if all(word in name for word in words):
            return name
    raise KeyError(f"none of {list(frame.columns)} has {words}")


key = rules.columns[0]
worst = {}
for rule in ("first", "last", "linear"):
    name = column(rules, rule, "conv")
    worst[rule] = max(abs(float(ours[row[key]][rule]) - row[name]) for _, row in rules.iterrows())
print("largest difference of conversions, winnow against the package: " +
      ", ".join(f"{rule} {x:.6f}" for rule, x in worst.items()))
name = column(markov, "conv")
print("markov, order 1: channel, winnow (exact), package (simulated), difference")
for _, row in markov.iterrows():
    exact = float(ours[row[markov.columns[0]]]["markov"])
    print(f"{row[markov.columns[0]]:10s} {exact:11.3f} {row[name]:11.3f} {100 * (row[name] / exact - 1):8.2f} %")
print(f"processor time: package {cpu_rules:.3f} s (three rules) + {cpu_markov:.3f} s (markov); winnow, the whole "
      f"command with start, reading and 8 models: {cpu_ours:.3f} s; ratio {(cpu_rules + cpu_markov) / cpu_ours:.0f}")
