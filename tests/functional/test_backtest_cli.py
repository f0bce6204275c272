"""`bot backtest` as a person runs it: what it prints, what it leaves in the data folder, how it
refuses.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cli import main
from shared.core.types import Candles, Timeframe
from shared.market.candles import aggregate
from shared.stores.local.sqlite import SqliteDocuments
from tests.support.backtest_world import home_at
from tests.support.world import HISTORY_DAYS, ROOT, market

HEAVY = (
    "pyarrow",
    "pandas",
    "sklearn",
    "lightgbm",
    "xgboost",
    "scipy",
    "joblib",
    "matplotlib",
    "ccxt",
    "requests",
    "rich",
)
PERIOD = ["--from", "2026-03-03", "--to", "2026-03-09"]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A data folder with an archive and a model, which the environment names."""
    for name, value in home_at(tmp_path / "bot").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "bot"


def run(capsys, *options: str | Path) -> dict:
    code = main(["backtest", *map(str, options), "--json"])
    captured = capsys.readouterr()
    assert code == 0, captured.err
    return json.loads(captured.out)


def write_csv(path: Path, candles: Candles) -> Path:
    columns = (
        candles.opened_at.tolist(),
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
    )
    rows = (
        f"{at},{o:.0f},{h:.0f},{low:.0f},{c:.0f},{v:.4f}"
        for at, o, h, low, c, v in zip(*columns, strict=True)
    )
    path.write_text(
        "\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n", encoding="ascii"
    )
    return path


def test_a_person_reads_the_summary_and_opens_the_report(home, capsys) -> None:
    assert main(["backtest", *PERIOD, "--profile", "loose"]) == 0
    told = capsys.readouterr().out
    for part in (
        "buy and hold",
        "drawdown",
        "Sharpe",
        "deflated by 1 trial",
        "trades",
        "fees",
        "interest",
        "no entry",
    ):
        assert part in told
    assert "15m candles alone, the fast and conservative approximation" in told
    assert "profile loose" in told
    report = next(line.split()[-1] for line in told.splitlines() if line.startswith("report"))
    assert Path(report).read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert Path(report).parent.parent == home


def test_the_last_days_are_asked_for_by_their_number_and_every_position_is_printed(
    home, capsys
) -> None:
    assert (
        main(["backtest", "--days", "6", "--to", "2026-03-09", "--profile", "loose", "--verbose"])
        == 0
    )
    by_days = capsys.readouterr().out
    assert main(["backtest", *PERIOD, "--profile", "loose"]) == 0
    by_dates = capsys.readouterr().out
    same = [
        line for line in by_days.splitlines() if not line.startswith(("position", "took", "luck"))
    ]
    assert same == [line for line in by_dates.splitlines() if not line.startswith(("took", "luck"))]
    trades = next(line.split()[1] for line in by_days.splitlines() if line.startswith("trades"))
    positions = [line for line in by_days.splitlines() if line.startswith("position ")]
    assert len(positions) == int(trades) > 0
    assert main(["backtest", "--days", "6", *PERIOD]) == 2
    assert "--days and --from were both given" in capsys.readouterr().err


def test_the_same_run_gives_the_same_folder_and_bytes_and_counts_once(
    home, capsys, tmp_path
) -> None:
    first = run(capsys, *PERIOD, "--profile", "loose", "--timeframe", "1m")
    files = {name: Path(path).read_bytes() for name, path in first["files"].items()}
    second = run(capsys, *PERIOD, "--profile", "loose", "--timeframe", "1m")
    assert second["files"] == first["files"]
    assert {name: Path(path).read_bytes() for name, path in second["files"].items()} == files
    assert first["trials"] == second["trials"] == 1
    other = run(
        capsys,
        *PERIOD,
        "--profile",
        "loose",
        "--timeframe",
        "1m",
        "--set",
        "risk.stop_atr=2",
        "--out",
        tmp_path / "o",
    )
    assert other["trials"] == 2
    assert set(other["files"].values()) == {str(tmp_path / "o" / name) for name in files}
    assert len(SqliteDocuments(home / "state.sqlite").query("trials")) == 2


def test_fees_slippage_capital_and_settings_change_the_result(home, capsys) -> None:
    plain = run(capsys, *PERIOD, "--profile", "loose")
    assert plain["maker_fee_rate"] == "0.0000"
    dear = run(
        capsys, *PERIOD, "--profile", "loose", "--maker-fee", "0.0012", "--taker-fee", "0.0012"
    )
    assert (dear["maker_fee_rate"], dear["taker_fee_rate"]) == ("0.0012", "0.0012")
    assert float(dear["fees_jpy"]) > float(plain["fees_jpy"])
    slipping = run(capsys, *PERIOD, "--profile", "loose", "--slippage", "0.005")
    assert float(slipping["slippage_jpy"]) > float(plain["slippage_jpy"])
    seeds = run(capsys, *PERIOD, "--profile", "seeds", "--capital", "500000", "--set", "sides=both")
    assert (seeds["maker_fee_rate"], seeds["start_equity_jpy"], seeds["profile"]) == (
        "0.0012",
        "500000.0000",
        "seeds",
    )


def test_a_file_of_one_minute_candles_gives_the_archives_result(home, capsys, tmp_path) -> None:
    path = write_csv(tmp_path / "minutes.csv", market())
    from_archive = run(capsys, *PERIOD, "--profile", "loose", "--timeframe", "1m")
    from_file = run(capsys, *PERIOD, "--profile", "loose", "--timeframe", "1m", "--candles", path)
    (understood,) = (note for note in from_file["notes"] if note not in from_archive["notes"])
    assert understood.startswith("minutes.csv was read as plain candles, ")
    same = {"took_seconds": 0, "notes": from_archive["notes"]}
    assert {**from_file, **same} == {**from_archive, **same}
    assert from_file["trades"] >= 20


def test_a_period_is_chosen_where_none_is_given(home, capsys, tmp_path) -> None:
    path = write_csv(tmp_path / "quarters.csv", aggregate(market(), Timeframe.M15))
    chosen = run(capsys, "--candles", path, "--model", "none")
    assert chosen["start"] == "2026-01-23T00:00:00.000Z", "a third of a short file is history"
    assert chosen["end"] == "2026-03-10T00:00:00.000Z"
    assert chosen["trades"] == 0
    archived = run(capsys, "--model", "none")
    assert (archived["start"], archived["end"]) == (chosen["start"], chosen["end"])


def test_a_policy_that_asks_no_model_is_not_refused_for_what_the_model_learned_from(
    home, capsys
) -> None:
    period = ["--from", "2026-02-10", "--to", "2026-02-14"]
    assert main(["backtest", *period]) == 2
    assert "what it learned from" in capsys.readouterr().err
    told = run(capsys, *period, "--profile", "trend")
    assert told["model"] is not None
    assert any("asks no model for the side" in note for note in told["notes"])


def test_a_model_is_trained_on_the_days_before_where_it_is_asked(
    tmp_path, capsys, monkeypatch
) -> None:
    for name in ("ROUNDS", "FOREST_TREES"):
        monkeypatch.setenv(f"BOT_LEARNING__{name}", "6")
    path = write_csv(tmp_path / "quarters.csv", aggregate(market(), Timeframe.M15))
    assert main(["backtest", "--candles", str(path), *PERIOD, "--profile", "loose"]) == 2
    assert "train a model" in capsys.readouterr().err
    trained = run(
        capsys, "--candles", path, *PERIOD, "--profile", "loose", "--train", str(HISTORY_DAYS - 12)
    )
    assert trained["trades"] >= 1
    note = next(note for note in trained["notes"] if "was trained for this backtest" in note)
    assert f"on {HISTORY_DAYS - 12} days that end 48 candles before the period" in note
    assert not any("INSIDE TRAINING" in note for note in trained["notes"])
    again = run(
        capsys, "--candles", path, *PERIOD, "--profile", "loose", "--model", trained["model"]
    )
    assert (again["end_equity_jpy"], again["model"]) == (
        trained["end_equity_jpy"],
        trained["model"],
    )


def test_a_model_that_was_asked_to_learn_from_more_than_there_is_says_what_it_had(
    tmp_path, capsys, monkeypatch
) -> None:
    for name in ("ROUNDS", "FOREST_TREES"):
        monkeypatch.setenv(f"BOT_LEARNING__{name}", "6")
    path = write_csv(tmp_path / "quarters.csv", aggregate(market(), Timeframe.M15))
    trained = run(capsys, "--candles", path, *PERIOD, "--profile", "loose", "--train", "3000")
    note = next(note for note in trained["notes"] if "was trained for this backtest" in note)
    assert (
        "on the 60 days (3000 were asked for) of candles that end 48 candles before the period"
        in note
    )


def test_the_check_compares_what_the_past_said_and_passes(home, capsys) -> None:
    told = run(capsys, *PERIOD, "--profile", "loose", "--check")
    assert told["check"]["passed"]
    assert "nothing looks ahead" in told["check"]["lines"][0]


def test_a_time_limit_leaves_an_incomplete_result(home, capsys, monkeypatch) -> None:
    monkeypatch.setenv("BOT_BACKTEST__STEP_SECONDS", "0")
    monkeypatch.setattr(
        "time.monotonic", (float(n) for n in range(10**9)).__next__
    )  # every look at the clock is a second later
    told = run(capsys, *PERIOD, "--profile", "loose", "--time-limit", "5")
    assert not told["complete"]
    assert told["notes"][0].startswith("INCOMPLETE: the time limit of 5 s")
    assert told["end"] < "2026-03-09"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--from", "2026-03-09", "--to", "2026-03-03"],
            "--to was '2026-03-03', not after the start",
        ),
        (["--from", "soon"], "--from was 'soon', which is not a time"),
        ([*PERIOD, "--capital", "0"], "--capital was 0"),
        ([*PERIOD, "--maker-fee", "12"], "--maker-fee was 12.0, outside -0.01 to 0.05"),
        ([*PERIOD, "--profile", "lose"], "--profile was 'lose'"),
        ([*PERIOD, "--set", "risk.max_drawdwon=1"], "--set risk.max_drawdwon did not fit"),
        ([*PERIOD, "--set", "risk.max_drawdown=often"], "--set risk.max_drawdown did not fit"),
        ([*PERIOD, "--set", "risk.max_drawdown"], "write it like risk.max_drawdown=0.1"),
        ([*PERIOD, "--set", "state=here"], "--set state changes nothing"),
        ([*PERIOD, "--model", "nobody"], "--model was 'nobody'"),
        ([*PERIOD, "--model", "none", "--train", "5"], "--train and --model were both given"),
        (
            ["--from", "2026-02-01", "--to", "2026-02-05"],
            "--from was 2026-02-01 00:00 UTC: the model",
        ),
        ([*PERIOD, "--candles", "nowhere.csv"], "nowhere.csv does not exist"),
        (
            ["--from", "2026-03-03", "--to", "2027-03-03"],
            "--to was 2027-03-03 00:00 UTC: the 15m candles of the archive end",
        ),
        ([*PERIOD, "--out", "/dev/null/x"], "--out was '/dev/null/x': /dev/null is not a folder"),
        ([*PERIOD, "--set", "capital_jpy=5"], "--set capital_jpy has a field of its own"),
    ],
)
def test_a_persons_mistake_is_one_sentence_that_names_the_option(
    home, capsys, options, says
) -> None:
    assert main(["backtest", *options]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "remedy: " in told
    assert len([line for line in told.splitlines() if line.startswith("error: ")]) == 1


def test_an_empty_archive_says_how_to_fill_it(capsys) -> None:
    assert main(["backtest"]) == 2
    told = capsys.readouterr().err
    assert "the archive holds no 15m candles" in told
    assert "scripts/bot collect" in told


def test_a_second_run_loads_nothing_heavy(home) -> None:
    program = (
        "import sys; from scripts.cli import main; "
        f"code = main(['backtest', *{PERIOD!r}, '--profile', 'loose', '--json']); "
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
    assert ran.stderr.splitlines()[-1] == "0 []"
