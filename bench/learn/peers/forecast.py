"""AutoETS of statsforecast on M4, beside `winnow forecast` on the same series and machine, one core.

  forecast.py DATA_DIR WINNOW [N_HOURLY]

AutoETS takes minutes on all 414 hourly series, so it runs on N_HOURLY of them, evenly spaced (20 by
default), and on all weekly series (where it has no season: 52 is beyond it). Both are processor time.
AutoETS's compile time is not counted; winnow's is that of the whole command, with start, reading of
the CSV, five or more back-tests and writing.
"""
import csv, lzma, os, resource, subprocess, sys, tempfile, time
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
from statsforecast.models import AutoETS

DATA, WINNOW = sys.argv[1], sys.argv[2]
N_HOURLY = int(sys.argv[3]) if len(sys.argv) > 3 else 20


def read(name):
    opener = lzma.open if os.path.exists(f"{DATA}/m4/{name}.csv.xz") else open
    path = f"{DATA}/m4/{name}.csv" + (".xz" if opener is lzma.open else "")
    with opener(path, "rt") as f:
        rows = list(csv.reader(f))[1:]
    return {r[0]: np.array([float(v) for v in r[1:] if v != ""]) for r in rows}


def owa(forecasts, train, test, m, naive2):
    smape = mase = 0.0
    for key, f in forecasts.items():
        y, x = test[key], train[key]
        smape += np.mean(200 * np.abs(y - f) / (np.abs(y) + np.abs(f))) / len(forecasts)
        mase += np.mean(np.abs(y - f)) / np.mean(np.abs(x[m:] - x[:-m])) / len(forecasts)
    return smape, mase, 0.5 * (smape / naive2[0] + mase / naive2[1])


def peer(train, keys, horizon, season):
    AutoETS(season_length=season).forecast(train[keys[0]].copy(), h=horizon, level=[80, 95])  # compiles
    start, out = time.process_time(), {}
    for key in keys:
        out[key] = AutoETS(season_length=season).forecast(train[key].copy(), h=horizon, level=[80, 95])["mean"]
    return time.process_time() - start, out


def ours(train, keys, horizon, frequency):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as f:
        f.write("id," + ",".join(f"V{i}" for i in range(1, max(len(train[k]) for k in keys) + 1)) + "\n")
        for key in keys:
            f.write(key + "," + ",".join(repr(float(v)) for v in train[key]) + "\n")
        f.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = subprocess.run([WINNOW, "forecast", "--input", f.name, "--horizon", str(horizon), "--freq", frequency],
                              check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    out = {key: np.zeros(horizon) for key in keys}
    for row in csv.DictReader(text.splitlines()):
        out[row["series"]][int(row["step"]) - 1] = float(row["mean"])
    return spent, out


for name, horizon, frequency, season, m, naive2 in (
    ("Weekly", 13, "weekly", 1, 1, (9.161, 2.777)),
    ("Hourly", 48, "hourly", 24, 24, (18.383, 2.395)),
):
    train, test = read(f"{name}-train"), read(f"{name}-test")
    keys = list(train)
    if name == "Hourly":
        keys = keys[:: max(1, len(keys) // N_HOURLY)][:N_HOURLY]
    our_time, our_f = ours(train, keys, horizon, frequency)
    all_time = our_time if len(keys) == len(train) else ours(train, list(train), horizon, frequency)[0]
    peer_time, peer_f = peer(train, keys, horizon, season)
    print(f"M4 {name}: {len(keys)} series, one core")
    for who, spent, f in (("winnow forecast", our_time, our_f), ("AutoETS", peer_time, peer_f)):
        print("  %-16s %9.3f s   sMAPE %7.3f  MASE %6.3f  OWA %.4f" % ((who, spent) + owa(f, train, test, m, naive2)))
    per_ours, per_peer = all_time / len(train), peer_time / len(keys)
    print(f"  a series: {1e3 * per_ours:.3f} ms (of all {len(train)}) against {1e3 * per_peer:.1f} ms: "
          f"{per_peer / per_ours:.0f} times as fast")
