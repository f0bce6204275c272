"""The backtest's page in a real browser: what it draws, how it moves, what it looks like, and that
it asks nobody.
"""

import re
import shutil

import pytest

from shared.results.performance import measure
from shared.results.report import html
from tests.support.chromium import CHROMIUM, DARK, acted, browse, served
from tests.support.made_replays import made_candles, made_replay

pytestmark = pytest.mark.browser

HOSTILE = (
    '</title></script><script>document.body.dataset.owned="yes"</script><img src=x'
    ' onerror="alert(1)">{{ 7 * 7 }}'
)
DAYS, TRADES = 60, 120


@pytest.fixture(scope="module", autouse=True)
def _chromium():
    if CHROMIUM is None:
        pytest.skip("browser: chromium is not installed")


@pytest.fixture(scope="module")
def replayed():
    return made_replay(days=DAYS, trades=TRADES, held_at_end=True, notes=(HOSTILE,))


@pytest.fixture(scope="module")
def page(replayed, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(
        html(replayed, measure(replayed), candles=made_candles(days=DAYS), title=HOSTILE),
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def drawn(page, profile):
    dom, said = browse(profile, page.as_uri(), "--dump-dom")
    assert said == []
    return dom


def part(dom, name, end):
    return dom.split(f'id="{name}"')[1].split(end)[0]


def test_the_charts_are_drawn_without_a_word_on_the_console(drawn):
    assert '<html lang="en" data-drawn="yes">' in drawn
    equity, price = part(drawn, "equity-chart", "</svg>"), part(drawn, "price-chart", "</svg>")
    for line in ("equity", "hold"):
        assert (
            len(re.search(rf'<polyline class="{line}" points="([^"]+)"', equity).group(1).split())
            > 500
        )
    assert '<polygon class="drawdown"' in equity
    assert price.count('class="candle-') == 2
    assert "NaN" not in equity + price
    assert "Infinity" not in equity + price


def test_text_from_outside_stays_text(drawn):
    assert "data-owned" not in re.search(r"<body[^>]*>", drawn).group()
    assert not re.search("<img", drawn)
    assert (
        drawn.split("<h1>")[1]
        .split("</h1>")[0]
        .startswith("&lt;/title&gt;&lt;/script&gt;&lt;script&gt;")
    )
    assert drawn.count("{{ 7 * 7 }}") == 3


def test_the_script_reads_the_same_numbers_as_were_packed(drawn, replayed):
    readout = part(drawn, "equity-readout", "</output>")
    assert f"equity {round(replayed.end_equity_jpy):,d} " in readout
    assert f"buy and hold {round(measure(replayed).hold.end_equity_jpy):,d}" in readout
    last = made_candles(days=DAYS)
    assert f"close {int(last.close[-1]):,d}" in part(drawn, "price-readout", "</output>")


def test_zooming_in_shows_more_and_the_charts_move_together(page, profile, tmp_path):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const price = document.getElementById("price-chart"), span = document.getElementById("span"
          ), steps = [];
        const line = () => document.querySelector("#equity-chart polyline.equity"
          ).getAttribute("points").length;
        const bars = document.getElementById("bar-length");
        const note = () => steps.push([span.textContent, bars.textContent,
          price.querySelectorAll(".entry").length, line()]);
        note();
        document.querySelector('[data-days="7"]').click(); await frame(); note();
        document.querySelector('[data-move="left"]').click(); await frame(); note();
        document.querySelector('[data-move="in"]').click(); await frame(); note();
        move(price, "wheel", 600, 100, { deltaY: -240, ctrlKey: true }); await frame(); note();
        move(price, "dblclick", 600, 100); await frame(); note();
        return steps;
        """,
    )
    spans, bars, entries = ([step[row] for step in told] for row in range(3))
    assert [span.split("·")[1].strip() for span in spans] == [
        "60 days",
        "7 days",
        "7 days",
        "4 days",
        "30.9 h",
        "60 days",
    ]
    assert bars[0] == "one bar is 6 h"
    assert bars[4] == "one bar is 15 min"
    assert entries[0] == 0
    assert entries[1] == 2
    assert spans[1] != spans[2]
    assert told[0] == told[5]


def test_a_wheel_that_is_not_meant_for_the_chart_scrolls_the_page(page, profile, tmp_path):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const chart = document.getElementById("equity-chart"), span = document.getElementById("span"
          );
        const before = span.textContent;
        move(chart, "wheel", 600, 100, { deltaY: -240 }); await frame();
        const untouched = span.textContent === before;
        chart.focus();
        move(chart, "wheel", 600, 100, { deltaY: -240 }); await frame();
        return [untouched, span.textContent === before];
        """,
    )
    assert told == [True, False]


def test_dragging_chooses_a_span_and_then_moves_it(page, profile, tmp_path):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const chart = document.getElementById("equity-chart"),
          price = document.getElementById("price-chart");
        const drag = async (element, from, to) => {
          move(element, "pointerdown", from, 100);
            move(element, "pointermove", (from + to) / 2, 100);
          move(element, "pointermove", to, 100);
          const shade = element.querySelectorAll(".selected").length;
          move(element, "pointerup", to, 100); await frame();
          return [document.getElementById("span").textContent, shade];
        };
        const overview = document.getElementById("overview");
        return [
          await drag(chart, 300, 500),
          await drag(price, 500, 400),
          await drag(overview, 100, 300),
        ];
        """,
    )
    chosen, moved, again = told
    assert chosen[1] == 1
    assert moved[1] == 0
    lengths = [step[0].split("·")[1] for step in told]
    assert lengths[0] == lengths[1] != " 60 days"
    assert chosen[0] < moved[0]
    assert again[0].split("·")[1] != lengths[0]


def test_pointing_at_a_position_tells_of_it_on_both_charts(page, profile, tmp_path, replayed):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        document.querySelector('#positions tbody tr:nth-child(5) .look').click(); await frame();
          await frame();
        const price = document.getElementById("price-chart");
        return {
          readout: document.getElementById("price-readout").textContent,
          over: [...price.querySelectorAll(".over > *")].map((one) => one.getAttribute("class")),
          cross: document.querySelectorAll("#equity-chart .cross").length,
          focused: document.activeElement.id,
        };
        """,
    )
    entered = [entry for entry in replayed.entries if entry.filled_lots][4]
    assert f"#5 {entered.side.value}" in told["readout"]
    assert f"stop {entered.stop_price:,d} · target {entered.target_price:,d}" in told["readout"]
    assert {"held", "stop strong", "target strong"} <= set(told["over"])
    assert told["cross"] == 1
    assert told["focused"] == "price-chart"


def test_the_keys_move_the_mark_and_the_window(page, profile, tmp_path):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const chart = document.getElementById("equity-chart"), said = [];
        const press = async (key, more = {}) => {
          chart.dispatchEvent(new KeyboardEvent("keydown", { key,
            bubbles: true, cancelable: true, ...more }));
          await frame();
          said.push(["span", "equity-readout"].map((id) =>
            document.getElementById(id).textContent));
        };
        for (const key of ["ArrowLeft", "ArrowLeft", "+", "Escape"]) await press(key);
        await press("ArrowLeft", { shiftKey: true }); await press("Home"); await press("0");
        return said;
        """,
    )
    spans, marks = [step[0] for step in told], [step[1] for step in told]
    assert marks[1] < marks[0]
    assert spans[0] == spans[1] == spans[6]
    assert spans[2].endswith("30 days")
    assert spans[4] < spans[3]
    assert spans[5].startswith("2030-01-01 09:00")


def test_the_list_sorts_filters_and_turns_its_pages(page, profile, tmp_path, replayed):
    told = acted(
        page,
        profile,
        tmp_path,
        """
        const texts = (row) => [...row.cells].map((cell) => cell.textContent);
        const rows = () => [...document.querySelectorAll("#positions tbody tr")].map(texts);
        const head = (key) => document.querySelector(`#positions th[data-key="${key}"] button`);
        const count = () => document.getElementById("position-count").textContent;
        const first = [count(), rows()];
        head("net").click(); const best = rows(); const sorted = head("net"
          ).parentNode.getAttribute("aria-sort");
        head("net").click(); const worst = rows();
        const filter = document.getElementById("position-filter");
        filter.value = "lost"; filter.dispatchEvent(new Event("change"));
        const lost = [count(), rows()];
        filter.value = "all"; filter.dispatchEvent(new Event("change"));
          document.getElementById("position-later").click();
        const second = count();
        window.dispatchEvent(new Event("beforeprint")); const printed = rows().length;
        window.dispatchEvent(new Event("afterprint"));
        return { first, best, sorted, worst, lost, second, printed, after: count() };
        """,
    )
    count = measure(replayed).positions.count + 1
    assert told["first"][0] == f"1–25 of {count}"
    assert [row[0] for row in told["first"][1]] == [f"#{number}" for number in range(1, 26)]

    def nets(rows):
        return [int(row[10].replace(",", "").replace("−", "-")) for row in rows]

    assert nets(told["best"]) == sorted(nets(told["best"]), reverse=True)
    assert nets(told["worst"]) == sorted(nets(told["worst"]))
    assert told["sorted"] == "descending"
    assert max(nets(told["lost"][1])) < 0
    assert told["lost"][0].endswith(f"of {measure(replayed).positions.losses}")
    assert told["second"] == told["after"] == f"26–50 of {count}"
    assert told["printed"] == count


def test_light_and_dark_are_different_pictures_and_the_button_changes_between_them(
    page, profile, tmp_path
):
    pictures = []
    for name, flags in (("light", []), ("dark", DARK)):
        target = tmp_path / f"{name}.png"
        browse(tmp_path / name, page.as_uri(), f"--screenshot={target}", *flags)
        pictures.append(target.read_bytes())
    light, dark = pictures
    assert min(len(light), len(dark)) > 100_000
    assert light != dark
    colours = acted(
        page,
        profile,
        tmp_path,
        """
        const ground = () => getComputedStyle(document.body).backgroundColor,
          button = document.getElementById("theme");
        const seen = [[ground(), button.textContent]];
        button.click(); seen.push([ground(), button.textContent]);
        button.click(); seen.push([ground(), button.textContent]);
        return seen;
        """,
    )
    assert colours[0] == colours[2] == ["rgb(244, 245, 247)", "Dark"]
    assert colours[1] == ["rgb(15, 18, 24)", "Light"]


def test_nothing_sticks_out_at_400_pixels(page, profile, tmp_path):
    holder = tmp_path / "narrow.html"
    holder.write_text(
        f"""<body><iframe id="f" src="{page.as_uri()}" width="400" height="900"></iframe><script>
        addEventListener("message", (event) => {{ document.body.dataset.wide = event.data;
          }});</script></body>""",
        encoding="utf-8",
    )
    text = page.read_text(encoding="utf-8")
    report = (
        "<script>parent.postMessage(`${document.documentElement.scrollWidth} ${innerWidth}`,"
        " '*')</script></body>"
    )
    page.with_name("narrow-inner.html").write_text(
        text.replace("</body>", report), encoding="utf-8"
    )
    holder.write_text(
        holder.read_text(encoding="utf-8").replace("report.html", "narrow-inner.html"),
        encoding="utf-8",
    )
    dom, said = browse(profile, holder.as_uri(), "--dump-dom", "--virtual-time-budget=4000")
    assert said == []
    assert 'data-wide="400 400"' in dom


def test_the_browser_asks_the_server_for_the_page_and_nothing_else(page, profile):
    with served(page) as (address, asked):
        dom, said = browse(profile, address, "--dump-dom")
    assert said == []
    assert 'data-drawn="yes"' in dom
    assert asked == ["/report.html"]


@pytest.mark.parametrize(
    ("made", "candles"),
    [
        (made_replay(days=2, trades=0), made_candles(days=2)),
        (made_replay(days=1, trades=1, held_at_end=True), made_candles(days=1)),
        (made_replay(days=3, trades=4), made_candles(days=3).rows(0, 0)),
        (made_replay(days=3, trades=4, agreeing=False), made_candles(days=9)),
    ],
    ids=["no trade", "one that is open", "no candles", "candles beyond the period"],
)
def test_a_page_with_little_to_show_is_drawn_too(made, candles, profile, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html(made, measure(made), candles=candles), encoding="utf-8")
    dom, said = browse(profile, path.as_uri(), "--dump-dom")
    assert said == []
    assert 'data-drawn="yes"' in dom
    assert "NaN" not in dom.split("<script>")[0]


@pytest.mark.full
def test_four_years_are_open_in_two_seconds(profile, tmp_path):
    made = made_replay(days=1461, trades=4000)
    path = tmp_path / "report.html"
    path.write_text(html(made, measure(made), candles=made_candles(days=1461)), encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    clock = (
        "<script>document.body.dataset.opened ="
        " String(Math.round(performance.now()))</script></body>"
    )
    path.write_text(path.read_text(encoding="utf-8").replace("</body>", clock), encoding="utf-8")
    taken = []
    for _ in range(3):
        dom, _said = browse(profile, path.as_uri(), "--dump-dom")
        taken.append(int(re.search(r'data-opened="(\d+)"', dom).group(1)))
    assert min(taken) < 2_000
