"""AutoETS of statsforecast and Prophet on M4, beside `winnow forecast` on the same series and machine.

  forecast.py DATA_DIR WINNOW [N_HOURLY] [N_PROPHET]

AutoETS takes minutes on all 414 hourly series, so it runs on N_HOURLY of them, evenly spaced (20 by
default), and on all weekly series (where it has no season: 52 is beyond it). Prophet runs with its
defaults (trend, yearly season from two years of weeks on, daily and weekly season of hours) on
N_PROPHET evenly spaced series of either set (20 by default). All times are processor time on one core.
AutoETS's compile time and Prophet's first call are not counted; winnow's time is that of the whole
command, with start, reading of the CSV, five or more back-tests and writing.
"""
import csv, logging, lzma, os, resource, subprocess, sys, tempfile, time
for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np
from statsforecast.models import AutoETS
try:
    logging.getLogger("prophet.plot").disabled = True  # plotly is not missed here
    import pandas
    from prophet import Prophet
    logging.getLogger("cmdstanpy").disabled = True
except ImportError:
    Prophet = None

DATA, WINNOW = sys.argv[1], sys.argv[2]
N_HOURLY = int(sys.argv[3]) if len(sys.argv) > 3 else 20
N_PROPHET = int(sys.argv[4]) if len(sys.argv) > 4 else 20


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


def spent():
    """Of this process and of those it has started: Prophet's optimiser is a program of its own."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def auto_ets(x, horizon, season, step):
    return AutoETS(season_length=season).forecast(x.copy(), h=horizon, level=[80, 95])["mean"]


def prophet(x, horizon, season, step):
    model = Prophet(interval_width=0.95)
    # The times are made up: M4 gives none. Only their spacing matters to Prophet.
    model.fit(pandas.DataFrame({"ds": pandas.date_range("2010-01-04", periods=len(x), freq=step), "y": x}))
    future = model.make_future_dataframe(periods=horizon, freq=step, include_history=False)
    return model.predict(future)["yhat"].to_numpy()


def peer(method, train, keys, horizon, season, step):
    method(train[keys[0]], horizon, season, step)  # compiles, loads
    start, out = spent(), {}
    for key in keys:
        out[key] = method(train[key], horizon, season, step)
    return spent() - start, out


def ours(train, keys, horizon, frequency):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as f:
        f.write("id," + ",".join(f"V{i}" for i in range(1, max(len(train[k]) for k in keys) + 1)) + "\n")
        for key in keys:
            f.write(key + "," + ",".join(repr(float(v)) for v in train[key]) + "\n")
        f.flush()
        start = spent()
        text = subprocess.run([WINNOW, "forecast", "--input", f.name, "--horizon", str(horizon), "--freq", frequency],
                              check=True, capture_output=True, text=True).stdout
        seconds = spent() - start
    out = {key: np.zeros(horizon) for key in keys}
    for row in csv.DictReader(text.splitlines()):
        out[row["series"]][int(row["step"]) - 1] = float(row["mean"])
    return seconds, out


def spaced(keys, n):
    return keys[:: max(1, len(keys) // n)][:n]


for name, horizon, frequency, season, step, m, naive2 in (
    ("Weekly", 13, "weekly", 1, "W-MON", 1, (9.161, 2.777)),
    ("Hourly", 48, "hourly", 24, "h", 24, (18.383, 2.395)),
):
    train, test = read(f"{name}-train"), read(f"{name}-test")
    keys = list(train)
    all_time = ours(train, keys, horizon, frequency)[0] / len(keys)
    for who, method, n in (("AutoETS", auto_ets, len(keys) if name == "Weekly" else N_HOURLY),
                           ("Prophet", prophet, N_PROPHET)):
        if method is prophet and not Prophet:
            print("Prophet: skipped, it is not installed")
            continue
        some = spaced(keys, n)
        our_time, our_f = ours(train, some, horizon, frequency)
        peer_time, peer_f = peer(method, train, some, horizon, season, step)
        print(f"M4 {name}: {len(some)} series, one core")
        for label, seconds, f in (("winnow forecast", our_time, our_f), (who, peer_time, peer_f)):
            print("  %-16s %9.3f s   sMAPE %7.3f  MASE %6.3f  OWA %.4f" % ((label, seconds) + owa(f, train, test, m, naive2)))
        print(f"  a series: {1e3 * all_time:.3f} ms (of all {len(keys)}) against {1e3 * peer_time / len(some):.1f} ms: "
              f"{peer_time / len(some) / all_time:.0f} times as fast")
