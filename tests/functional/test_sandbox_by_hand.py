"""What `docs/sandbox.md` prints is what a shell and ccxt can do with it, line by line."""

import decimal
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.exchanges.sandbox.faults import EVERY_KIND
from shared.exchanges.sandbox.private.settings import READINGS
from tests.functional.test_sandbox import Process

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
PRINTED = "http://127.0.0.1:8700"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[dict[str, Any]]:
    process = Process("--json", "--port", "0", "--days", "2", "--ahead", "1", "--btc", "0.05")
    try:
        yield json.loads(process.first_line())
    finally:
        process.end()


def block(language: str, beginning: str) -> str:
    (found,) = re.findall(rf"```{language}\n({beginning}.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("openssl")), reason="curl or openssl: not installed"
)
def test_the_five_curl_lines_do_what_the_page_says(sandbox: dict[str, Any]) -> None:
    printed = block("sh", "url=")
    assert PRINTED in printed
    assert (sandbox["key"], sandbox["secret"]) == ("sandbox-key", "sandbox-secret-of-no-worth")
    script = printed.replace(PRINTED, sandbox["url"])
    script = re.sub(r"(?m)^(curl (?:.*\\\n)*.*)$", r"\1; echo", script)
    done = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    ticker, assets, order, fault, account = map(json.loads, done.stdout.splitlines())
    assert ticker["success"] == 1
    assert [row["onhand_amount"] for row in assets["data"]["assets"]] == [
        "1000000.0000",
        "0.05000000",
    ]
    assert order["data"]["status"] == "FULLY_FILLED"
    assert fault["id"] == 1
    assert [row["open_amount"] for row in account["positions"]] == ["0.0010"]


def test_the_lines_of_ccxt_place_an_order(sandbox: dict[str, Any]) -> None:
    forget = urllib.request.Request(f"{sandbox['url']}/_sandbox/faults", method="DELETE")
    with urllib.request.urlopen(forget, timeout=10) as answer:
        assert json.load(answer)["active"] == []
    names: dict[str, Any] = {}
    with decimal.localcontext():  # ccxt's rounding of numbers changes that of its whole thread
        exec(block("python", "import ccxt").replace(PRINTED, sandbox["url"]), names)
    assert names["order"]["data"]["status"] == "UNFILLED"
    names["exchange"].session.close()


def test_the_page_names_every_reading_and_every_fault_with_its_sentence() -> None:
    text = " ".join(PAGE.split())
    for name, (choices, sentence) in READINGS.items():
        told = ", ".join(f"`{choice}`" for choice in choices)
        assert f"* `{name}` ({told}): {sentence}" in text, name
    for name, kind in EVERY_KIND.items():
        assert f"* `{name}`: {kind.sentence}" in text, name


def test_the_faults_of_the_page_are_faults() -> None:
    from shared.exchanges.sandbox.faults import fault_from

    assert len([fault_from(one) for one in json.loads(block("json", r"\["))]) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--reading", "mood=good"], "there is no reading 'mood'"),
        (["--reading", "closes=maybe"], "the reading closes was 'maybe'"),
        (["--reading", "closes"], "the reading closes was ''"),
        (["--faults", "nowhere.json"], "the faults in nowhere.json cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    process = Process("--port", "0", "--days", "1", *arguments)
    out, err = process.popen.communicate(timeout=60)
    assert (process.popen.returncode, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_options_reach_the_account(tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text('[{"name": "lag", "seconds": 3}]', encoding="utf-8")
    process = Process(
        *("--json", "--port", "0", "--days", "2", "--ahead", "1"),
        *("--key", "mine", "--secret", "made-up", "--yen", "7", "--faults", str(script)),
        *("--reading", "closes=together", "--no-limits"),
    )
    try:
        told = json.loads(process.first_line())
        assert (told["key"], told["secret"], told["faults"]) == ("mine", "made-up", ["lag"])
    finally:
        process.end()
