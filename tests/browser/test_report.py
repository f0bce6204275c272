"""The page in a real browser: what its script draws is there, in light and dark, and nothing is
asked of any network.
"""

import re

import pytest

from scripts.output.report import render
from tests.support import made_reports as made
from tests.support.chromium import CHROMIUM, DARK, browse, served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def _chromium():
    if CHROMIUM is None:
        pytest.skip("browser: chromium is not installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(
        render(made.reports(), header=made.header(), candles=made.candles()), encoding="utf-8"
    )
    return path


@pytest.fixture(scope="module")
def drawn(page, tmp_path_factory):
    dom, said = browse(tmp_path_factory.mktemp("profile"), page.as_uri(), "--dump-dom")
    assert said == []
    return dom


def chart(dom, name):
    return dom.split(f'id="{name}"')[1].split("</svg>")[0]


def test_the_script_draws_the_equity_curve_with_its_drawdown(drawn):
    assert '<html lang="en" data-drawn="yes">' in drawn
    equity = chart(drawn, "equity-chart")
    line = re.search(r'<polyline class="equity" points="([^"]+)"', equity)
    assert len(line.group(1).split()) > made.TICKS / 2
    assert '<polygon class="drawdown"' in equity
    assert "−0.27 %" in equity
    assert "NaN" not in equity


def test_the_script_draws_candles_entries_exits_stops_and_targets(drawn):
    price = chart(drawn, "price-chart")
    bars = re.findall(r'<path class="candle-(?:up|down)" d="([^"]+)"', price)
    assert sum(bar.count("z") for bar in bars) == len(made.candles())
    assert 'class="entry long" data-count="3"' in price
    assert 'class="exit won" data-count="1"' in price
    assert 'class="exit lost" data-count="1"' in price
    assert price.count('class="stop faint"') == price.count('class="target faint"') == 3
    assert "NaN" not in price


def test_the_readouts_speak_of_the_last_tick_before_anybody_points(drawn):
    last = made.reports()[-1]
    readout = drawn.split('id="equity-readout"')[1].split("</output>")[0]
    assert "2030-01-03 08:57 JST" in readout
    assert f"equity {round(last.equity_jpy):,d}" in readout


def test_the_axis_is_in_jst(drawn):
    assert ">12:00</text>" in chart(drawn, "price-chart")
    assert ">01-02</text>" in chart(drawn, "price-chart")


def test_light_and_dark_are_different_pictures(page, tmp_path):
    pictures = []
    for name, flags in (("light", []), ("dark", DARK)):
        target = tmp_path / f"{name}.png"
        browse(tmp_path / name, page.as_uri(), f"--screenshot={target}", *flags)
        pictures.append(target.read_bytes())
    light, dark = pictures
    assert light[:4] == dark[:4] == b"\x89PNG"
    assert min(len(light), len(dark)) > 50_000
    assert light != dark


def test_the_browser_asks_the_server_for_the_page_and_nothing_else(page, tmp_path):
    with served(page) as (address, asked):
        dom, _said = browse(tmp_path, address, "--dump-dom")
    assert 'data-drawn="yes"' in dom
    assert asked == ["/report.html"]
