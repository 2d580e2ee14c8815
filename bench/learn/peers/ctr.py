"""Click prediction by scikit-learn's logistic regression, LightGBM and Vowpal Wabbit, on the same
rows and splits as bench/learn/ctr.c.

    ctr.py DATA WINNOW      WINNOW is not used

Each peer gets what a careful user would give it: logistic regression on one-hot features (numbers
in the same buckets) with its penalty chosen by five-fold validation; LightGBM with its categorical
features as they are, small trees, rounds by early stopping on the newest tenth, then fitted again on
all; Vowpal Wabbit with the better of one and five passes, with and without pairs of namespaces, by
the newest tenth. Beside the given split: five blocks of the learning rows, each predicted from the
other four.
"""
import csv
import lzma
import math
import sys
import time
import warnings

import lightgbm as lgb
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import KFold

try:
    from vowpalwabbit import pyvw
except ImportError:
    pyvw = None
warnings.filterwarnings("ignore")
data = sys.argv[1]


def lines(name):
    path = f"{data}/{name}"
    with (lzma.open(path, "rt") if path.endswith(".xz") else open(path)) as f:
        return f.read().splitlines()


def bucket(s):
    if s == "":
        return ""
    x = float(s)
    return s if x <= 2 else f"b{int(math.log(x) ** 2)}"


def criteo():
    sets = [[l.split("\t") for l in lines(f)] for f in ("criteo/train.tsv.xz", "criteo/dev.tsv")]
    rows = sets[0] + sets[1]
    return "Criteo", [int(r[0]) for r in rows], len(sets[0]), [r[1:14] for r in rows], [r[14:] for r in rows]


def avazu():
    train = list(csv.reader(lines("avazu/train.csv.xz")))[1:]
    rows = train + list(csv.reader(lines("avazu/dev.csv")))
    return "Avazu", [int(r[1]) for r in rows], len(train), [[] for _ in rows], [r[3:] for r in rows]


def ipinyou():
    rows = [l.split() for l in lines("ipinyou/ctr_train.fm.svm.xz")]
    return ("iPinYou", [int(r[0]) for r in rows], len(rows) * 4 // 5, [[] for _ in rows],
            [[w.split(":")[0] for w in r[1:]] for r in rows])


def one_hot(numbers, texts, positional):
    places, columns, starts = {}, [], [0]
    for n, t in zip(numbers, texts):
        for i, value in enumerate([bucket(x) for x in n] + t):
            columns.append(places.setdefault((i if positional else 0, value), len(places)))
        starts.append(len(columns))
    return csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(starts) - 1, len(places)))


def logistic(x, y, train, test):
    best, chosen = math.inf, None
    for c in (1, 0.3, 0.1, 0.03, 0.01, 0.003):
        loss = 0
        for a, b in KFold(5).split(train):
            p = LogisticRegression(C=c, max_iter=500).fit(x[train[a]], y[train[a]]).predict_proba(x[train[b]])
            loss += log_loss(y[train[b]], p, labels=[0, 1])
        if loss < best:
            best, chosen = loss, c
    return LogisticRegression(C=chosen, max_iter=500).fit(x[train], y[train]).predict_proba(x[test])[:, 1]


def boosted(x, categorical, y, train, test):
    cut = len(train) * 9 // 10
    settings = dict(objective="binary", learning_rate=0.03, num_leaves=15, min_data_in_leaf=20, num_threads=1, verbosity=-1)
    def table(rows):
        return lgb.Dataset(x[rows], y[rows], categorical_feature=categorical, free_raw_data=False)
    stop = [lgb.early_stopping(50, verbose=False)]
    found = lgb.train(settings, table(train[:cut]), 2000, valid_sets=[table(train[cut:])], callbacks=stop)
    return lgb.train(settings, table(train), max(1, found.best_iteration)).predict(x[test])


def wabbit(examples, y, train, test):
    def fitted(rows, more, passes):
        model = pyvw.Workspace(f"--loss_function logistic --link logistic -b 22 --quiet {more}")
        for _ in range(passes):
            for i in rows:
                model.learn(("1" if y[i] else "-1") + examples[i])
        return model
    def predicted(model, rows):
        p = np.clip([model.predict(examples[i]) for i in rows], 1e-6, 1 - 1e-6)
        model.finish()
        return p
    cut = len(train) * 9 // 10
    choices = [(more, n) for more in ("", "-q ::", "--l2 1e-6") for n in (1, 5)]
    def loss(choice):
        return log_loss(y[train[cut:]], predicted(fitted(train[:cut], *choice), train[cut:]), labels=[0, 1])
    return predicted(fitted(train, *min(choices, key=loss)), test)


def error_of_calibration(y, p):
    order = np.argsort(p, kind="stable")
    return sum(abs(y[b].sum() - p[b].sum()) for b in np.array_split(order, 10)) / len(y)


def tell(name, split, y, p, started):
    print(f"  {name:20s} {split:12s} log loss {log_loss(y, p, labels=[0, 1]):.5f}  AUC {roc_auc_score(y, p):.4f}  "
          f"ECE {error_of_calibration(y, p):.4f}  predicted/observed {p.sum() / y.sum():.3f}  "
          f"{time.process_time() - started:.1f} s", flush=True)


for load in (criteo, avazu, ipinyou):
    name, y, n_train, numbers, texts = load()
    y, positional = np.array(y), load is not ipinyou
    print(f"{name}: {n_train} rows to learn from, {len(y) - n_train} to predict")
    x = one_hot(numbers, texts, positional)
    train, test = np.arange(n_train), np.arange(n_train, len(y))
    codes = [{} for _ in range(max(len(t) for t in texts))]
    if positional:
        dense = np.array([[float(v) if v else np.nan for v in n] + [c.setdefault(v, len(c)) for c, v in zip(codes, t)]
                          for n, t in zip(numbers, texts)])
        categorical = list(range(len(numbers[0]), dense.shape[1]))
    else:
        dense, categorical = x.astype(np.float32), []
    examples = [" |" + " |".join(f"{chr(97 + i % 26)}{i // 26} {i}_{v}" for i, v in enumerate([bucket(v) for v in n] + t))
                if positional else " |a " + " ".join(t) for n, t in zip(numbers, texts)]
    peers = {"logistic regression": lambda a, b: logistic(x, y, a, b),
             "LightGBM": lambda a, b: boosted(dense, categorical, y, a, b)}
    if pyvw:
        peers["Vowpal Wabbit"] = lambda a, b: wabbit(examples, y, a, b)
    for peer, run in peers.items():
        started = time.process_time()
        tell(peer, "split", y[test], run(train, test), started)
        started, p = time.process_time(), np.zeros(n_train)
        for a, b in KFold(5).split(train):
            p[b] = run(a, b)
        tell(peer, "five blocks", y[train], p, started)
