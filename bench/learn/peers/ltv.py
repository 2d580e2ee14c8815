"""lifetimes and PyMC-Marketing on CDNOW and Online Retail, beside `winnow ltv` on the same purchases.

  ltv.py DATA_DIR WINNOW

Each learns without the last weeks and is compared with what came: all purchases, and the mean
absolute error of a customer. Times are processor time; that of winnow is of the whole command, with
reading, two fits (without and with the held-out weeks) and writing, that of the peers of one fit.
"""
import csv, datetime, json, lzma, os, resource, subprocess, sys, tempfile, time, warnings
warnings.filterwarnings("ignore")
import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter, ParetoNBDFitter
try:
    from pymc_marketing import clv
except ImportError:
    clv = None
    print("PyMC-Marketing: skipped, it is not installed")

DATA, WINNOW = sys.argv[1], sys.argv[2]


def day(text):
    return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def cdnow(name):
    opener = lzma.open if name.endswith(".xz") else open
    with opener(f"{DATA}/cdnow/{name}", "rt") as f:
        words = [line.split() for line in f]
    return [(w[-4], day(w[-3]), float(w[-1])) for w in words if w[-3].isdigit()]


def retail():
    with lzma.open(f"{DATA}/online_retail/online_retail_to_2011-08-31.csv.xz", "rt") as f:
        rows = list(csv.DictReader(f))
    return [(r["CustomerID"], datetime.date.fromisoformat(r["InvoiceDate"][:10]), int(r["Quantity"]) * float(r["UnitPrice"]))
            for r in rows if r["CustomerID"] and int(r["Quantity"]) > 0]


def summary(rows, weeks):
    """x, t_x, T, mean value of the repeats, purchases held out; a day with purchases is one."""
    last = max(r[1] for r in rows)
    cut, days = last - datetime.timedelta(weeks=weeks), {}
    for who, when, value in rows:
        own = days.setdefault(who, {})
        own[when] = own.get(when, 0) + value
    out = []
    for who, own in days.items():
        past = sorted(d for d in own if d <= cut)
        if past:
            values = [own[d] for d in past[1:]]
            out.append((who, len(past) - 1, (past[-1] - past[0]).days / 7, (cut - past[0]).days / 7,
                        np.mean(values) if values else 0, sum(d > cut for d in own)))
    return pd.DataFrame(out, columns=["customer_id", "frequency", "recency", "T", "monetary_value", "later"])


def spent(run):
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def report(who, seconds, params, expected, seen):
    print("  %-28s %8.3f s   %s   %.0f expected, %.0f came (%+.1f %%), mean absolute error %.4f" % (
        who, seconds, " ".join("%.3f" % p for p in params), expected.sum(), seen.sum(),
        100 * (expected.sum() / seen.sum() - 1), np.abs(expected - seen).mean()))


def ours(rows, weeks):
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as f:
        f.write("customer,date,amount\n")
        f.writelines(f"{who},{when},{value:.2f}\n" for who, when, value in rows)
        f.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = subprocess.run([WINNOW, "ltv", "-i", f.name, "--holdout", str(weeks), "--model", "bgnbd,pnbd", "--summary",
                               "--json", "--draws", "0"], check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    for m in json.loads(text)["models"]:
        h = m["holdout"]
        print("  %-28s %.0f expected, %.0f came (%+.1f %%), mean absolute error %.4f" % (
            f"winnow ltv, {m['model']}", h["purchases_expected"], h["purchases"],
            100 * (h["purchases_expected"] / h["purchases"] - 1), h["mean_absolute_error"]))
    print("  winnow ltv, the whole command with both models: %.3f s" % (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))


def peers(s, weeks):
    x, tx, T, seen = s.frequency, s.recency, s["T"], s.later
    for fitter, names in ((BetaGeoFitter, ("r", "alpha", "a", "b")), (ParetoNBDFitter, ("r", "alpha", "s", "beta"))):
        try:
            f = fitter(penalizer_coef=0.0)
            seconds, _ = spent(lambda: f.fit(x, tx, T))
            expected = f.conditional_expected_number_of_purchases_up_to_time(weeks, x, tx, T)
            report("lifetimes " + fitter.__name__, seconds, [f.params_[n] for n in names], expected, seen)
        except Exception as e:
            print("  %-28s %s" % ("lifetimes " + fitter.__name__, str(e).strip().splitlines()[-1]))
    back = s[(s.frequency > 0) & (s.monetary_value > 0)]
    g = GammaGammaFitter(penalizer_coef=0.0)
    seconds, _ = spent(lambda: g.fit(back.frequency, back.monetary_value))
    print("  %-28s %8.3f s   %s" % ("lifetimes GammaGammaFitter", seconds, " ".join("%.3f" % g.params_[n] for n in "pqv")))


def bayesian(s, weeks):
    data = s[["customer_id", "frequency", "recency", "T"]]
    for model, names in ((clv.BetaGeoModel, ("r", "alpha", "a", "b")), (clv.ParetoNBDModel, ("r", "alpha", "s", "beta"))):
        try:
            m = model(data=data)
            seconds, _ = spent(lambda: m.fit(method="map", progressbar=False))
            fitted = m.idata.posterior if hasattr(m, "idata") else m.fit_result
            expected = m.expected_purchases(future_t=weeks).values.ravel()
            report("PyMC-Marketing " + model.__name__, seconds, [float(fitted[n].mean()) for n in names], expected, s.later)
        except Exception as e:
            print("  %-28s %s" % ("PyMC-Marketing " + model.__name__, str(e).strip().splitlines()[-1]))


for name, read, weeks in (("CDNOW, the published tenth", lambda: cdnow("CDNOW_sample.txt"), 39),
                          ("CDNOW, all", lambda: cdnow("CDNOW_master.txt.xz"), 39), ("Online Retail", retail, 13)):
    try:
        rows = read()
    except FileNotFoundError:
        print(f"{name}: skipped, its file is not in {DATA}")
        continue
    s = summary(rows, weeks)
    print(f"{name}: {len(s)} customers, {weeks} weeks held out")
    ours(rows, weeks)
    peers(s, weeks)
    if clv:
        bayesian(s, weeks)
