"""The pages in a real browser, driven by Chromium's command line alone."""

import http.server
import json
import shutil
import subprocess
import threading
from contextlib import contextmanager

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]
DARK = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"]


def browse(profile, address, *flags, size=(1360, 1900)):
    """Run Chromium once on a page; its output and what the page said on the console."""
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        f"--window-size={size[0]},{size[1]}",
        *flags,
        address,
    ]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


def acted(page, profile, folder, script):
    """Open a page, let `script` (an async function's body that gets `frame` and `move`) act on it;
    what it returned.

    `frame()` waits for the next drawing, `move(element, type, x, y, more)` sends a pointer to a
    place inside an element.
    """
    probe = """
    <script>(async () => {
      const frame = () =>
        new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const move = (element, type, x, y, more = {}) => {
        const box = element.getBoundingClientRect(),
          kind = type === "wheel" ? WheelEvent : PointerEvent;
        const place = { clientX: box.left + x, clientY: box.top + y, pointerId: 1,
          bubbles: true, cancelable: true };
        element.dispatchEvent(new kind(type, { ...place, ...more }));
      };
      Element.prototype.setPointerCapture = () => {};
      const told = document.createElement("script");
      told.type = "application/json"; told.id = "probed";
      try { told.textContent = JSON.stringify(await (async () => { SCRIPT })()); }
      catch (error) { told.textContent = JSON.stringify({ error: String(error) }); }
      document.body.appendChild(told);
    })();</script></body>""".replace("SCRIPT", script)
    # Virtual time draws no frames: what waits for the next one is called by a timer instead.
    frames = (
        "<head><script>window.requestAnimationFrame = (then) => setTimeout(() =>"
        " then(performance.now()), 16);</script>"
    )
    target = folder / "probed.html"
    text = page.read_text(encoding="utf-8").replace("<head>", frames, 1).replace("</body>", probe)
    target.write_text(text, encoding="utf-8")
    dom, said = browse(profile, target.as_uri(), "--dump-dom", "--virtual-time-budget=8000")
    answer = json.loads(dom.split('id="probed">')[1].split("</script>")[0])
    assert said == []
    assert "error" not in (answer if isinstance(answer, dict) else {}), answer
    return answer


@contextmanager
def served(page):
    """The page's address on loopback, and the list of what was asked for."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = page.read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/report.html", asked
        finally:
            server.shutdown()
