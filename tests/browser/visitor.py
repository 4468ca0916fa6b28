"""A visitor of calrelay's pages: Chromium, in which every page is looked at, and calls with the key.

CALRELAY_URL, SANDBOX_URL and CALRELAY_KEY (an admin's) say where; SCREENSHOTS may name a folder for pictures.
"""

import base64
import itertools
import json
import os
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import TimeoutException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CALRELAY = os.environ["CALRELAY_URL"].rstrip("/")
SANDBOX = os.environ["SANDBOX_URL"].rstrip("/")
KEY = os.environ["CALRELAY_KEY"]
SCREENSHOTS = os.environ.get("SCREENSHOTS")
SETUP = f"{CALRELAY}/google-calendar-setup"
PICTURES = itertools.count(1)


def expect(step, got, wanted=True):
    if got != wanted:
        print(f"FAILED {step}: got {got!r}, wanted {wanted!r}")
        sys.exit(1)
    print(f"ok {step}")


class Refused(urllib.request.HTTPRedirectHandler):
    """Replies are looked at as they are: no redirect is followed."""

    def redirect_request(self, *_):
        return None


HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}), Refused)


def send(request):
    """Status and text."""
    try:
        with HTTP.open(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as reply:
        return reply.code, reply.read().decode()


def api(path, body=None, method=None):
    """Status and JSON of a call with the key."""
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    status, text = send(urllib.request.Request(CALRELAY + path, data=data, headers=headers, method=method))
    return status, json.loads(text)


def sandbox(path, body=None):
    """JSON of a call to one of the sandbox's controls."""
    data = None if body is None else json.dumps(body).encode()
    status, text = send(urllib.request.Request(SANDBOX + path, data=data, headers={"Content-Type": "application/json"}))
    expect(f"the sandbox takes {path}", status < 300)
    return json.loads(text) if text else None


class Browser:
    """Chromium, in which every page must say SANDBOX and have nothing to complain of."""

    def __init__(self, name=""):
        self.name = name and f"{name}: "
        self.profile = tempfile.TemporaryDirectory()
        # The driver is on this machine, whatever proxy the environment names for the rest.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        options.add_argument("--headless=new")
        options.add_argument(f"--user-data-dir={self.profile.name}")
        options.add_argument("--no-proxy-server")
        options.add_argument("--disable-dev-shm-usage")
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(30)
        self.size(1280, 800)

    def size(self, width, height):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def picture(self, name):
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            # The whole page, not only what is in the window.
            whole = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
            (folder / f"{next(PICTURES):02}-{name}.png").write_bytes(base64.b64decode(whole["data"]))

    def quit(self):
        self.driver.quit()
        self.profile.cleanup()

    def arrived(self, step, *, says, refused=None, ours=True):
        """The page that has come says all this; `refused` is the status that it came with, if not 200."""
        step = self.name + step
        def all_said(_):
            text = self.text()
            return all(words in text for words in says)

        try:
            # Between two pages there is nothing to ask.
            WebDriverWait(self.driver, 10, ignored_exceptions=[WebDriverException]).until(all_said)
        except TimeoutException:
            print(f"FAILED {step}: {self.driver.current_url} says {self.text()!r}, wanted {says!r}")
            sys.exit(1)
        self.picture(re.sub(r"[^\w-]+", "-", step))
        expect(f"{step}: the page says {' / '.join(says)}", True)
        if ours:
            expect(f"{step}: and SANDBOX", "SANDBOX" in self.text())
            expect(f"{step}: every part of it is in a landmark", self.outside_landmarks(), [])
        # A page that came with an error status is itself an entry; nothing else may be.
        status = self.driver.execute_script("return performance.getEntriesByType('navigation')[0].responseStatus")
        expect(f"{step}: its status", status, refused or 200)
        log = [line for line in self.complaints() if f"the server responded with a status of {refused} " not in line]
        expect(f"{step}: nothing in the console", log, [])

    def outside_landmarks(self):
        """What people who jump from landmark to landmark would miss; and how many main parts there are, unless one."""
        return self.driver.execute_script(
            "const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), missed = [];"
            "while (texts.nextNode()) {"
            "  const text = texts.currentNode.textContent.trim(), parent = texts.currentNode.parentElement;"
            "  if (text && parent.checkVisibility() && !parent.closest('main, header, footer, nav, aside, [popover]'))"
            "    missed.push(text);"
            "}"
            "const mains = document.querySelectorAll('main').length;"
            "return mains === 1 ? missed : [...missed, mains]"
        )

    def complaints(self):
        """What the console has said since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def text(self):
        return self.driver.execute_script("return document.body ? document.body.innerText : ''")

    def open(self, url):
        self.driver.get(url)

    def one(self, css):
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def press(self, label):
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{label}'] | //a[normalize-space()='{label}']").click()

    def focused(self, step, label):
        """What has the focus, which the browser gives a moment after the page is there."""
        try:
            WebDriverWait(self.driver, 10).until(lambda driver: driver.switch_to.active_element.accessible_name == label)
        except TimeoutException:
            pass
        expect(step, self.driver.switch_to.active_element.accessible_name, label)
        return self.driver.switch_to.active_element

    def choose(self, user):
        self.one(f"input[name=user][value='{user}']").click()

    def tick(self):
        """Ticks the calendar's box, which is ticked where whoever was suggested has granted it before."""
        box = self.one("input[name=grant][value$='/calendar.events']")
        if not box.is_selected():
            box.click()

    def box(self, css, text=""):
        """Where the first element that contains the text stands."""
        return self.driver.execute_script(
            "const found = [...document.querySelectorAll(arguments[0])].find(e => e.textContent.includes(arguments[1]));"
            "return found ? found.getBoundingClientRect().toJSON() : null",
            css,
            text,
        )
