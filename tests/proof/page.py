"""The page of the build service in a real browser: live, harmless, in light and dark and on a phone. Screenshots stay in the
folder of the proof, to be looked at."""

import contextlib
import html.parser
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
import urllib.request

from browser import browser
from project import fresh

HOSTILE = "</a>\"'><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
# Where nobody listens: an attempt fails, and there is another one.
NOBODY = "127.0.0.1:9"
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}


class Silent(http.server.BaseHTTPRequestHandler):
    """A Git server that never says anything: what fetches from it keeps running."""

    def do_GET(self):
        time.sleep(600)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def silent():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


@contextlib.contextmanager
def served(longshore, folder, git):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOCAL_REGISTRY": "localhost:9", "LONGSHORE_FETCH_ALLOW": f"{git},{NOBODY}",
           "ROOT_PATH": "/artifact-builder"}
    words = [longshore, "serve", "--listen", "127.0.0.1:0", "--data", folder / "data", "--keep-free", "0"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield process.stdout.readline().strip() + "/artifact-builder"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ask(url, form=None, body=None):
    data, headers = None, {}
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        data, headers = json.dumps(body).encode(), {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=30) as answer:
        return answer.read().decode()


class Page(html.parser.HTMLParser):
    """What a page must have for people who do not see it or use no mouse."""

    def __init__(self, text):
        super().__init__()
        self.open, self.flaws, self.headings, self.lang, self.text = [], [], 0, None, ""
        self.feed(text)
        self.flaws += [f"`{tag}` is not closed" for tag in self.open]
        if self.headings != 1 or self.lang != "en":
            self.flaws.append(f"{self.headings} h1, language {self.lang}")

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.headings += tag == "h1"
        self.lang = attrs.get("lang", self.lang)
        if tag in ("input", "select", "textarea") and "label" not in self.open:
            self.flaws.append(f"`{tag}` {attrs} has no label")
        if any(name.startswith("on") or name == "style" for name in attrs):
            self.flaws.append(f"`{tag}` {attrs}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.flaws.append(f"`/{tag}` closes nothing")


# Contrast of texts that are too hard to read (WCAG 2, AA), among what a page shows.
FAINT = """(() => {
  const luminance = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const colour = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const found = colour(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = new Set();
  for (const element of document.querySelectorAll("main *, header *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const [a, b] = [luminance(colour(getComputedStyle(element).color).slice(0, 3)), luminance(ground(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.add(`${element.tagName}.${element.className}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return [...faint].join(", ");
})()"""


def look(tab, folder, pages):
    """Screenshots, and what can be measured of them."""
    for name, url in pages.items():
        tab.open(url)
        for file, scheme, width in (("light", "light", 1280), ("dark", "dark", 1280), ("phone", "dark", 390)):
            tab.look(folder / f"{name}-{file}.png", scheme, width)
            faint = tab.tell(FAINT)
            if faint:
                raise RuntimeError(f"{name}, {file}: too little contrast: {faint}")
            if tab.tell("document.documentElement.scrollWidth > innerWidth"):
                raise RuntimeError(f"{name}, {file}: wider than its window")


def by_keyboard(tab):
    """The first thing that Tab reaches leads past the navigation; each further one can be seen to have the focus."""
    reached = []
    for _ in range(10):
        for kind in ("rawKeyDown", "keyUp"):
            tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(tab.tell("(() => { const one = document.activeElement; return `${one.tagName} ${getComputedStyle(one).outlineStyle} ${one.textContent.trim().slice(0, 20)}`; })()"))
    if not reached[0].endswith("Skip to content") or any(" none " in one for one in reached):
        raise RuntimeError(f"by keyboard: {reached}")


def live(tab, url, build):
    """A page that is open shows the lines that come and how a build ends."""
    tab.open(f"{url}/builds/{build}")
    tab.until("document.querySelectorAll('#lines .line').length === 1")
    tab.tell("document.querySelector('button[name=cancel]').click()")
    tab.until("document.querySelector('.state.cancelled')")
    tab.until("document.querySelector('#lines .line:last-child').textContent.includes('stopped')")
    if tab.tell("!!document.querySelector('[name=cancel]') || !document.querySelector('[name=rebuild]')"):
        raise RuntimeError("a build that has ended can be cancelled")


def follows(tab, url, build):
    """The same without touching it: somebody else cancels."""
    tab.open(f"{url}/builds/{build}")
    tab.until("document.querySelector('.state.waiting') || document.querySelector('.state.running')")
    tab.tell("window.same = true")
    tab.until("document.querySelector('.state.running')")
    tab.until("document.querySelectorAll('#lines .line').length === 1")
    ask(f"{url}/api/v1/builds/{build}/cancel", form={})
    tab.until("document.querySelector('.state.cancelled') && document.querySelectorAll('#lines .line').length === 2")
    if not tab.tell("window.same && !document.getElementById('live').dataset.live"):
        raise RuntimeError("the page was loaded again, or goes on asking")


def goes_on(tab, url, build):
    """A page that followed an attempt goes on with the next one."""
    tab.open(f"{url}/builds/{build}")
    tab.until("document.querySelector('.problem')?.textContent.includes('The attempt before failed. git_unreachable')")
    tab.until("document.querySelector('.log nav')?.textContent.includes('Attempt 2')")
    tab.until("document.querySelectorAll('#lines .line').length > 1 && document.querySelector('#lines .line:last-child').textContent.includes('git_unreachable')")


def tries(tab, url):
    """A request sent by the page of the API."""
    tab.open(f"{url}/docs")
    tab.tell("""(() => { const form = document.querySelector('form[data-path$="/task/status"]'); form.closest('details').open = true;
      form.querySelector('input').value = 'none'; form.querySelector('button').click(); })()""")
    tab.until("document.querySelector('output').closest('main').textContent.includes('Task does not exist')")


def submit(url, git, tag):
    body = {"app_name": "checkout", "image_tag": tag, "git_repo": f"http://{git}/a.git"}
    return json.loads(ask(f"{url}/api/v1/builds", body=body))["id"]


def prove(longshore, folder):
    fresh(folder)
    with silent() as git, served(longshore, folder, git) as url, browser(folder / "profile") as tab:
        first, second = submit(url, git, "v1"), submit(url, git, "v2")
        form = {"app_name": HOSTILE, "image_tag": "v1", "git_repo": "javascript:alert(1)", "branch": HOSTILE}
        hostile = json.loads(ask(f"{url}/build_with_dockerfile", form=form))["task_id"]
        pages = {"list": f"{url}/", "build": f"{url}/builds/{first}", "hostile": f"{url}/builds/{hostile}", "api": f"{url}/docs"}
        for name, address in pages.items():
            flaws = Page(ask(address)).flaws
            if flaws:
                raise RuntimeError(f"{name}: {flaws}")
        yield f"{len(pages)} pages are whole, each field has a label, nothing is styled or scripted in place"
        for name in ("list", "hostile"):
            tab.open(pages[name])
            if "owned" in tab.tell("document.title.slice(0, 5)") or tab.tell("document.images.length + document.scripts.length") != 1:
                raise RuntimeError(f"{name}: {tab.tell('document.body.outerHTML')}")
        yield "a browser shows hostile names as text"
        look(tab, folder, pages)
        yield f"in light, dark and on a phone: no text of less contrast than 4.5, nothing wider than the window: {folder.name}/*.png"
        tab.open(pages["list"])
        by_keyboard(tab)
        yield "the keyboard reaches everything, and it shows"
        live(tab, url, first)
        follows(tab, url, second)
        yield "an open page shows the start, the lines and the end of a build, and cancels one"
        goes_on(tab, url, submit(url, NOBODY, "v3"))
        yield "when an attempt fails, it goes on with the next one"
        tries(tab, url)
        yield "the API's page sends a request and shows the answer"
        if tab.complaints:
            raise RuntimeError(f"the browser complains: {tab.complaints}")
        yield "the browser has nothing to complain of: no policy is violated, nothing is missing"
