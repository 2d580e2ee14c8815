#include "cli/commands.h"

#include <stdio.h>

static const struct wn_option no_options[] = {{0}};

const struct wn_command wn_commands[] = {
    {.name = "serve",
     .operands = "",
     .summary = "run the server and the web application",
     .description =
         "Opens the data directory, or makes it, and serves the web application and the HTTP API "
         "until it is told to end (Ctrl-C). Everything is embedded: nothing else has to run.\n"
         "\n"
         "The server listens on the loopback interface only. One server holds a data directory at "
         "a time; other winnow commands on the same directory work through it.\n"
         "\n"
         "The log is one JSON object a line, on standard error or in the file of --log; SIGHUP "
         "makes it reopen that file.",
     .examples = "winnow serve\tServe the default data directory on port 8420.\n"
                 "winnow serve --data ./shop --port 9000 --sample\tServe another directory, filled "
                 "with the sample workspace if it is empty.",
     .options = wn_serve_options,
     .run = wn_cmd_serve},
    {.name = "import",
     .operands = "FILE...",
     .n_operands_min = 1,
     .n_operands_max = 100000,
     .summary = "take in exports of ad platforms (CSV, TSV)",
     .description =
         "Reads each file, finds out which platform exported it, maps its columns, and takes it in "
         "all or nothing. Rows that cannot be understood are listed with line and column; the rest "
         "is in. The rows replace those of the same account and days, so the same file twice "
         "changes nothing.\n"
         "\n"
         "Encodings UTF-8 and UTF-16, separators , ; tab |, title lines above the header, totals "
         "lines, thousands separators, currency signs and several date formats are understood.\n"
         "\n"
         "Where a server holds the data directory, the files go through it.",
     .examples = "winnow import report.csv\tTake in one export.\n"
                 "winnow import --dry-run --json report.csv\tSay what would happen, as JSON.\n"
                 "winnow import --day 2026-02-05 --account 'Shop EU' devices.csv\tA file that "
                 "carries no date, into a named account.\n"
                 "winnow import --map 'Kosten=spend,Umsatz=revenue,#1=date' export.csv\tSay what "
                 "the columns mean.",
     .options = wn_import_options,
     .run = wn_cmd_import},
    {.name = "query",
     .operands = "",
     .summary = "ask for metrics by dimensions",
     .description =
         "Metrics are base sums (impressions, reach, clicks, engagements, video_views, "
         "conversions, spend, revenue), built-in formulas (ctr, cpc, cpm, cpa, cvr, roas, roi, "
         "profit, aov, frequency ...) and formulas of your own. Dimensions: channel, account, "
         "campaign, ad_group, ad, day, week, month, hour, weekday, device, gender, age, country, "
         "placement, audience.\n"
         "\n"
         "A filter is a list of conditions separated by ';': dimension=a|b, dimension!=a, "
         "dimension~text (contains), campaign_id=12, or a condition over metrics such as roas<1.\n"
         "\n"
         "Ratios are computed from sums. Division by zero is no value, shown as an empty cell.",
     .examples =
         "winnow query --metrics spend,revenue,roas --by channel\tAll data, by channel.\n"
         "winnow query --metrics cpa --by campaign --from 2026-01-01 --to 2026-01-31 "
         "--filter 'channel=facebook;spend>100' --sort -cpa\tThe dearest campaigns of January.",
     .options = wn_query_options,
     .run = wn_cmd_query},
    {.name = "chart",
     .operands = "",
     .summary = "draw a chart as PNG",
     .description =
         "Draws one metric as a picture that is ready for a slide: lines over time when a time "
         "dimension is among --by, else bars; a series for each value of the other dimension, in "
         "the colours that the channels have everywhere.",
     .examples = "winnow chart -o roi.png\tROI over time by channel, over all data.\n"
                 "winnow chart -m conversions --by channel --from 2026-01-01 -o "
                 "conversions.png\tConversions of this year by channel, as bars.",
     .options = wn_chart_options,
     .run = wn_cmd_chart},
    {.name = "forecast",
     .operands = "",
     .summary = "forecast series of a CSV file, with intervals",
     .description =
         "Reads series in the long form series,ts,value (or ts,value; of a file with three columns "
         "such as channel,date,spend it finds out which is which), or in the wide form of an id "
         "followed by its values, and prints series,step,ts,mean and the bounds of each level: "
         "lo80,hi80,lo95,hi95. A missing row or an empty cell is missing, not 0. Series of one "
         "file should have the same step; intervals of short series borrow from the others.\n"
         "\n"
         "Each series is forecast by a mixture of simple methods, weighted by their errors on past "
         "windows of that series (--explain shows them). The intervals are as wide as such errors "
         "really were. Do not forecast ratios such as ROI: forecast numerator and denominator.\n"
         "\n"
         "--backtest K prints the error of the mixture on K past windows, each forecast with "
         "weights that have not seen it.",
     .examples =
         "winnow forecast --input spend.csv --horizon 14\tThe next two weeks of each series.\n"
         "winnow forecast --input - --horizon 48 --freq hourly --explain\tFrom a pipe, with the "
         "reasons.\n"
         "winnow forecast --input m4.csv --horizon 13 --freq weekly --backtest 5 -o out.csv\tThe "
         "wide form, and its own honest error.",
     .options = wn_forecast_options,
     .run = wn_cmd_forecast},
    {.name = "detect",
     .operands = "",
     .summary = "find anomalies in streams of numbers",
     .description =
         "Reads a CSV file with the columns timestamp,value or series,timestamp,value (by name or "
         "by place; a header is found by itself) and prints the same rows with what each should "
         "have been (expected, low, high), a score, and whether a new incident begins there. The "
         "answer for a row uses that row and earlier ones only, so a file and a stream give the "
         "same answers. Timestamps are dates, dates with a time, or seconds or milliseconds since "
         "the epoch; an empty value is a missing one.\n"
         "\n"
         "After an alert there is a rest period without new ones: one incident, one alert. A new "
         "level becomes normal after two rest periods.\n"
         "\n"
         "With --explain the other columns are dimensions: rows of one timestamp, which must "
         "follow "
         "each other, are summed, and an anomaly of the sum is put down to the values that moved "
         "most, if they moved more than on the normal days before.",
     .examples =
         "winnow detect --input clicks.csv\tJudge each row of a file.\n"
         "tail -f metrics.csv | winnow detect --input - --follow --json\tAnswer rows as they "
         "arrive.\n"
         "winnow detect --input revenue.csv --explain\tColumns timestamp, country, device, value: "
         "also say where it came from.",
     .options = wn_detect_options,
     .run = wn_cmd_detect},
    {.name = "allocate",
     .operands = "",
     .summary = "divide a budget by what each entity returns",
     .description =
         "Reads the past of each entity (CSV with the columns entity, date, spend, revenue; "
         "perhaps "
         "group or channel), fits how its revenue responds to its spend, with carry-over and "
         "saturation, and divides the budget so that the next unit of money returns the same "
         "everywhere that it may go. Budgets are per step of the history: a day for daily rows.\n"
         "\n"
         "Output, a row for each entity: budget, current (mean of the last 7 steps), expected "
         "return with its 80 % interval, expected return of now, marginal return, the constraint "
         "that binds, and one sentence why. The sum is the budget, to the micro, unless no entity "
         "may or should take more. What holds for the whole is said on standard error, or in the "
         "JSON.\n"
         "\n"
         "Instead of a history the input may be curves: a JSON list of objects with entity, "
         "current, min, max, fixed, group, may_stop, and points ([[spend, return], ...]) or "
         "curve (log: a ln(1+x/b), hill: a x^s/(x^s+b^s), power: a x^s, linear: a x) with a, b, "
         "s.\n"
         "\n"
         "When nothing changes, it says which bound caused that.",
     .examples =
         "winnow allocate --input history.csv --budget 1000\tDivide 1000 a day.\n"
         "winnow allocate --input history.csv --budget 1000 --max-change 20% --min brand=50 "
         "--fixed 'tv=200,radio=80'\tThe same, carefully.\n"
         "winnow allocate --input history.csv --budget 5000 --target-roas 3 --json\tSpend up to "
         "5000 as long as the whole returns 3 for 1.\n"
         "winnow allocate --input - --budget 1000 -o plan.csv\tFrom a pipe into a file.",
     .options = wn_allocate_options,
     .run = wn_cmd_allocate},
    {.name = "abtest",
     .operands = "",
     .summary = "analyse an A/B test that may be looked at any time, or plan one",
     .description =
         "Reads the result of a test as CSV with a header and says whether the difference is real, "
         "which variant is best, what a wrong choice costs and whether it is safe to stop now. "
         "Three forms:\n"
         "  totals  variant,n,conversions and/or sum,sum_sq\n"
         "  daily   the same with date: the units first exposed on that day\n"
         "  units   variant,value, and if there are any unit, pre, date, denominator\n"
         "A column metric makes several metrics (of totals); the first one decides. Columns "
         "segment, device, country, platform, browser and os are for the check of the split "
         "only.\n"
         "\n"
         "The interval is always valid: the probability that it ever misses the true effect is at "
         "most 5 %, however often and whenever you look. Below 100 conversions in a variant it is "
         "exact and wide. The check of the split comes first: when the variants did not get the "
         "traffic that was planned (p < 0.0005 in the whole, or in a day or segment after "
         "correction), the result is blocked.\n"
         "\n"
         "pre holds the value of the same unit before the test: the variance it explains is taken "
         "out (CUPED); empty for new units, several columns pre_... for several covariates. With "
         "denominator the metric is the ratio of the sums (delta method). Rows of one unit are "
         "added up; units seen in two variants are left out.\n"
         "\n"
         "Verdicts: ship (proven better, safe to stop), low_risk (not proven, but a wrong choice "
         "costs next to nothing), keep_going, futile (an effect that matters is out of the "
         "question), worse, too_early, blocked. Several variants and metrics are corrected for "
         "each other (Benjamini-Hochberg).",
     .examples =
         "winnow abtest --input result.csv\tTotals, days or units: the columns tell.\n"
         "winnow abtest --input result.csv --control old --minimum 3% --json\tAs JSON, with "
         "another "
         "smallest effect that matters.\n"
         "winnow abtest --input result.csv --split old=90,new=10\tOne in ten saw the new one.\n"
         "winnow abtest --plan --mean 4.2% --minimum 10% --per-day 3000\tHow long a test will "
         "take.",
     .options = wn_abtest_options,
     .run = wn_cmd_abtest},
    {.name = "bandit",
     .operands = "choose|update|patterns|simulate|evaluate",
     .n_operands_min = 1,
     .n_operands_max = 1,
     .summary = "choose among creatives, learn from rewards and patterns, judge policies by logs",
     .description =
         "choose draws the arm to show next from a state file, by Thompson sampling: each arm with "
         "the probability that it is the best. The printed propensity is the very probability of "
         "that draw; log it with the arm if another policy is ever to be evaluated. With --batch N "
         "it divides N impressions instead, and says of each arm how likely it is the best, what "
         "choosing it is expected to lose, and whether it can be dropped. The state holds the "
         "seed: "
         "the same state chooses the same arm.\n"
         "\n"
         "update takes rewards in: CSV with a header that names arm and reward (or successes), and "
         "perhaps trials (impressions) and time (when they were shown). Without trials each row is "
         "one. With --delay trials count only as far as their conversions can have come back; a "
         "late conversion is a row with 0 trials. With --decay counts fade by day, so that tired "
         "creatives lose their credit. Arms that are new are added.\n"
         "\n"
         "With --context COLUMNS update also learns which arm suits which context (a logistic "
         "model "
         "of numbers such as hour or mobile; each row is one trial), and choose takes the context "
         "at hand: --context hour=0.5,mobile=1.\n"
         "\n"
         "patterns says what makes creatives work. It reads CSV of creatives: the columns creative "
         "(or ad), views (or impressions), clicks (or conversions), perhaps campaign, and columns "
         "that say what each is made of, such as hook, emotion, format; rows of one creative and "
         "campaign are added up, an empty cell is a field that the creative lacks. It prints how "
         "much each level multiplies the odds of success, and pairs of levels that do more, or "
         "less, together than alone. With --briefs N it prints the N combinations to try next "
         "instead, drawn by Thompson sampling: their rate with its interval, how likely each is "
         "the best of them, and which effects speak for it. With --patterns FILE choose and update "
         "give arms that were never shown the prior of their patterns; the arms are named by "
         "--arms, and counts in FILE are not taken in as rewards.\n"
         "\n"
         "simulate prints how many successes policies lose against the best arm (regret), in a "
         "world of given --rates; or, with --input, what they would have won on a table that has "
         "the reward of every arm in every row.\n"
         "\n"
         "evaluate reads a log of another policy (columns action, reward, propensity) and says "
         "what "
         "a new one would have earned: its probabilities are in the columns new_<action>, or in "
         "new "
         "for the action taken, or it is --policy uniform or always:ARM. Estimators: dm (the "
         "reward "
         "model alone; biased), ipw, snipw, dr. It refuses where the effective sample "
         "size is below 100.",
     .examples =
         "winnow bandit choose --state s.json --arms red,green,blue\tMake a state; draw an arm.\n"
         "winnow bandit update --state s.json --input rewards.csv\tLearn; see how the arms stand.\n"
         "winnow bandit choose --state s.json --batch 10000\tShares of the next 10,000 "
         "impressions.\n"
         "winnow bandit update --state s.json --input day.csv --delay 0.4:1h,0.6:3d --decay "
         "0.98\tConversions come late, creatives tire.\n"
         "winnow bandit update --state s.json --input clicks.csv --context hour,mobile\tLearn who "
         "likes what.\n"
         "winnow bandit patterns --input creatives.csv --briefs 5\tWhat to make next, and why.\n"
         "winnow bandit choose --state s.json --arms new1,new2 --patterns creatives.csv --batch "
         "10000\tNew creatives start from what their patterns say.\n"
         "winnow bandit simulate --rates 0.05,0.04 --policy thompson,ucb1\tCompare policies.\n"
         "winnow bandit evaluate --input log.csv --policy uniform --context position\tWhat would "
         "showing all alike have earned?",
     .options = wn_bandit_options,
     .run = wn_cmd_bandit},
    {.name = "attribute",
     .operands = "",
     .summary = "divide conversions among the channels that were there",
     .description =
         "Reads paths (CSV with the columns path, conversions, and perhaps value and null; a path "
         "is \"search > mail > search\") or events (person, channel, time, conversion, and perhaps "
         "value and type: click or view), and prints what each channel is credited with by every "
         "model side by side. The credits of a model add up to the conversions.\n"
         "\n"
         "first, last, last_non_direct: all to one touch. linear: the same to each. time_decay: "
         "half "
         "as much one half-life earlier. position: 40 % to the first, 40 % to the last, 20 % to "
         "those between. markov: in proportion to the share of conversions that would be lost if "
         "each step into the channel ended the path; solved exactly. shapley: equally among the "
         "distinct channels of a path. shapley_rate: fair shares of the conversion rate of people "
         "who saw a set of channels, times the people reached; exact to 16 channels.\n"
         "\n"
         "Paths without conversion (null) are needed for markov and shapley_rate. Of events, a "
         "conversion ends a path; touches older than the look-back, and those without a conversion "
         "behind them, are such paths.\n"
         "\n"
         "Columns behind the models: the interval of the base model (--intervals: of all) by "
         "resampling people; disagreement, (largest - smallest) / largest credit: 0 = all models "
         "agree; removal_effect of the Markov chain; evidence: tested or not tested.\n"
         "\n"
         "None of this is causal. Where a geo or holdout test was made, --tests corrects the base "
         "model by what it found: ratio is what was caused per credit, calibrated the credit times "
         "it, with its interval; the weight of a test halves every 180 days. A lift is a ratio (1 "
         "= "
         "the credit is right), or a count beside a column credited.",
     .examples =
         "winnow attribute --input paths.csv\tAll models side by side.\n"
         "winnow attribute --input paths.csv --model markov,linear --order 2 --json\tTwo models, "
         "the chain remembering two touches.\n"
         "winnow attribute --input events.csv --look-back 14,1 --value\tFrom events; divide the "
         "revenue.\n"
         "winnow attribute --input paths.csv --tests lift.csv --as-of 2026-03-31\tCorrected by "
         "experiments.",
     .options = wn_attribute_options,
     .run = wn_cmd_attribute},
    {.name = "ltv",
     .operands = "",
     .summary = "value customers: who comes back, how often, for how much",
     .description =
         "Reads purchases (CSV with the columns customer, date, amount, perhaps channel; or line "
         "items with quantity and unit price) and prints for each customer the probability that "
         "they are still one, the purchases and the value to expect within the horizon, an "
         "interval of that value, and the most to pay for keeping them. Negative amounts are "
         "refunds. Purchases of one day are one; the first one is no repeat.\n"
         "\n"
         "Instead of purchases the input may be one row a customer: frequency (repeat purchases), "
         "recency (time from the first to the last), T (time from the first to now), and monetary "
         "(mean value of the repeats).\n"
         "\n"
         "Customers buy at their own rates and leave unseen: after a purchase (bgnbd) or at any "
         "time (pnbd). Values follow the Gamma-Gamma model. Channels look like the account as "
         "long as they are small. A gift season counts as loyalty, as no calendar is known: see "
         "what --holdout says before trusting sums.\n"
         "\n"
         "Columns: frequency, recency and age in weeks; p_alive; purchases; value_per_purchase "
         "before margin; value, discounted and after margin; its interval (what will be seen); "
         "max_bid, a careful quantile of the value given what the customer is like. Cells stay "
         "empty where amounts are not known.",
     .examples =
         "winnow ltv --input orders.csv\tEach customer, the next 52 weeks.\n"
         "winnow ltv --input orders.csv --holdout 26 --model bgnbd,pnbd --summary\tHow well both "
         "models would have foreseen the last half year, and sums.\n"
         "winnow ltv --input orders.csv --summary --margin 30% --cost 25\tBy channel: what a new "
         "customer brings, the most to bid, when 25 is paid back.\n"
         "winnow ltv --input rfm.csv --unit days --explain -o ltv.csv\tFrom one row a customer, "
         "with the parameters.",
     .options = wn_ltv_options,
     .run = wn_cmd_ltv},
    {.name = "cohorts",
     .operands = "",
     .summary = "follow customers by when they came, and continue them",
     .description =
         "Reads purchases (CSV: customer, date, amount; or lines of orders with quantity and unit "
         "price) and groups customers by the week, month or quarter of their first purchase. For "
         "each cohort and each period of its life it prints how many customers bought (active), "
         "their share (retention), revenue, and what a customer brought so far (ltv: revenue times "
         "--margin, cumulated).\n"
         "\n"
         "kind says what a row is: observed; partial, a period that is not over on the last day; "
         "or "
         "projected. Projections of bgbb know how often and how recently each customer bought "
         "(beta-geometric/beta-binomial); those of sbg take a customer who skips a period as lost. "
         "Their intervals hold the uncertainty of the parameters, of the mean spend, and chance. "
         "Refunds lower revenue and are no purchases.\n"
         "\n"
         "With --cost or --spend: the period in which a cohort has paid back what its customers "
         "cost, with an interval (empty: not within the horizon).\n"
         "\n"
         "Customers of the first cohort may be older than the file.",
     .examples =
         "winnow cohorts --input orders.csv\tMonthly cohorts, continued to month 12.\n"
         "winnow cohorts --input orders.csv --table retention\tThe triangle, one row a cohort.\n"
         "winnow cohorts --input orders.csv --period week --horizon 26 --margin 40% --cost "
         "25\tWhen "
         "do customers who cost 25 pay back?\n"
         "winnow cohorts --input payments.csv --model sbg --json\tSubscriptions, as JSON.",
     .options = wn_cohorts_options,
     .run = wn_cmd_cohorts},
    {.name = "ctr",
     .operands = "train|predict|evaluate",
     .n_operands_min = 1,
     .n_operands_max = 1,
     .summary = "learn who clicks or buys, and predict it with an interval",
     .description =
         "train reads rows with a target (1 = clicked or converted, 0 = not; or clicks of so many "
         "views) and writes a model; predict prints the probability of each row with an interval; "
         "evaluate scores predictions of rows whose outcome is known. Rows are CSV or TSV with one "
         "column a feature, libsvm, libffm, or Vowpal Wabbit text.\n"
         "\n"
         "Every column is taken as names, unless its numbers have decimal fractions or --numeric "
         "lists it. An empty cell is a value of its own. Rows stand oldest first (or see --time).\n"
         "\n"
         "Up to --memory-rows rows are learned at once: each column's effects shrink as much as "
         "the "
         "data say, a factorization machine is blended in where there are 1,000 clicks, and the "
         "report is about rows that were predicted by models which had not seen them. More rows "
         "are learned in one pass (FTRL-proximal), with a line of progressive validation each time "
         "their number has doubled: the error of predictions made before their rows were "
         "learned.\n"
         "\n"
         "predict and evaluate know from the model which column is which. Columns that the model "
         "does not know are named and passed over; values it has never seen widen the interval. "
         "low and high enclose the probability, not the outcome. --because says which columns "
         "multiply the odds of a typical row by how much.\n"
         "\n"
         "The model is one file with a checksum; a damaged or foreign file is refused.",
     .examples =
         "winnow ctr train --input clicks.csv --model ads.ctr --time shown_at\tLearn from a file "
         "with the columns click, shown_at and features.\n"
         "winnow ctr predict --input new.csv --model ads.ctr --because 3\tProbabilities, and the "
         "three strongest reasons.\n"
         "winnow ctr evaluate --input lastday.csv --model ads.ctr\tLog loss, AUC and calibration "
         "on rows whose outcome is known.\n"
         "winnow ctr train --input daily.csv --target clicks --views impressions --tree "
         "channel,campaign,ad --model ads.ctr\tFrom daily sums; new ads start at their campaign's "
         "rate.\n"
         "zcat log.tsv.gz | winnow ctr train --input - --target c1 --numeric c2,c3 --learn stream "
         "--bits 24 --model big.ctr\tHundreds of millions of rows in one pass.",
     .options = wn_ctr_options,
     .run = wn_cmd_ctr},
    {.name = "doctor",
     .operands = "",
     .summary = "check the installation and say what to do about problems",
     .description = "Looks at the libraries, the data directory, its permissions, free disk space, "
                    "the stores and the server, and says what to do about each problem found. Ends "
                    "with status 1 when something needs attention.",
     .examples = "winnow doctor\tCheck the default data directory.",
     .options = wn_doctor_options,
     .run = wn_cmd_doctor},
    {.name = "help",
     .operands = "COMMAND",
     .n_operands_max = 1,
     .summary = "show the manual of a command",
     .description = "Without a name: the list of commands.",
     .options = no_options,
     .run = wn_cmd_help},
    {.name = "version",
     .operands = "",
     .summary = "show the version",
     .description = "Prints the version of winnow.",
     .options = no_options,
     .run = wn_cmd_version},
    {0},
};

int wn_cmd_help(const struct wn_args *args)
{
    const struct wn_command *command = NULL;
    if (args->n_operands) {
        command = wn_command_find(args->operands[0]);
        if (!command) {
            fprintf(stderr, "winnow: there is no command '%s'; see: winnow help\n",
                    args->operands[0]);
            return 2;
        }
    }
    struct wn_buf out;
    wn_buf_init(&out, 1 << 20);
    if (command)
        wn_help_command(command, &out);
    else
        wn_help_overview(&out);
    struct wn_str text = wn_buf_str(&out);
    bool written = !out.failed && fwrite(text.p, 1, text.n, stdout) == text.n;
    wn_buf_deinit(&out);
    return written ? 0 : 1;
}

int wn_cmd_version(const struct wn_args *args)
{
    (void)args;
    puts("winnow " WN_VERSION);
    return 0;
}
