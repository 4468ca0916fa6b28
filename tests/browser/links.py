"""Two people in two browsers connect their own calendars with links, past everything that can go wrong.

Needs a calrelay with its sandbox, freshly started (see visitor.py), and besides:
CRM_URL      an origin on this machine that is in ALLOWED_ORIGINS, where nobody listens yet
EXPIRED_LINK a link of fifteen minutes ago
STRANGER_URL, STRANGER_KEY  a calrelay whose redirect URI the sandbox does not know
Prints one `ok` line a check and ends with status 1 at the first difference.
"""

import http.server
import os
import threading
import urllib.parse

from visitor import CALRELAY, KEY, SANDBOX, SETUP, Browser, api, expect, sandbox

CRM = os.environ["CRM_URL"].rstrip("/")
EXPIRED = os.environ["EXPIRED_LINK"]
STRANGER = os.environ["STRANGER_URL"].rstrip("/")
STRANGER_KEY = os.environ["STRANGER_KEY"]


class Crm(http.server.BaseHTTPRequestHandler):
    """What people come from and go back to."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        icon = "<link rel=icon href='data:,'>"
        self.wfile.write(f"<!doctype html><title>CRM</title>{icon}<p>The CRM was told: {self.path}".encode())

    def log_message(self, *_):
        pass


def crm():
    port = urllib.parse.urlsplit(CRM).port
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Crm)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def link(account, **wanted):
    status, made = api(f"/api/v1/accounts/{account}/connect-links", wanted)
    expect(f"a link for {account} is made", (status, made.get("account")), (201, account))
    expect(f"and leads to calrelay", made["url"].startswith(CALRELAY + "/"))
    return made["url"]


def email(account):
    status, told = api(f"/api/v1/accounts/{account}")
    return told["email"] if status == 200 and told["state"] == "connected" else None


def on_to_google(browser, url, step, says=()):
    browser.open(url)
    browser.arrived(step, says=["Connect your Google Calendar", *says])
    browser.press("Continue to Google")
    browser.arrived(f"{step}, at Google", says=["wants access to a Google Account"])


def state(browser):
    query = urllib.parse.urlsplit(browser.driver.current_url).query
    return urllib.parse.parse_qs(query)["state"][0]


def consent(browser, user):
    browser.choose(user)
    browser.tick()
    browser.press("Continue")


def two_people(one, two, ada, grace):
    first = link("ada-1", email=ada, returnUrl=f"{CRM}/settings?tab=calendar")
    second = link("grace-1")
    for _ in range(2):
        one.open(first)
        one.arrived("opening it uses nothing up", says=[ada, "127.0.0.1 sent you here", "works once"])
    one.size(390, 844)
    one.arrived("the invitation on a phone", says=[ada, "Continue to Google"])
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    expect("nothing stands out to the side", one.driver.execute_script(wide), 0)
    one.size(1280, 800)
    on_to_google(one, first, "the first link")
    on_to_google(two, second, "the second link", says=["You were sent a link"])
    chosen = one.one("input[name=user]:checked").get_attribute("value")
    expect("Google suggests who is expected", chosen, ada)
    consent(one, ada)
    one.arrived("back where they came from", says=["tab=calendar&account=ada-1&status=connected"], ours=False)
    consent(two, grace)
    two.arrived("nowhere to go back to", says=["Your calendar is connected", grace, "close this page"])
    expect("each account has its own user", (email("ada-1"), email("grace-1")), (ada, grace))
    return first, second


def event(account, title):
    status, job = api("/api/v1/events", {
        "account": account, "summary": title, "conference": False,
        "start": {"dateTime": "2027-03-01T09:00:00Z"}, "end": {"dateTime": "2027-03-01T10:00:00Z"},
    })
    expect(f"{title} is accepted", status, 202)
    status, job = api(f"/api/v1/jobs/{job['jobId']}?wait=25")
    expect(f"{title} has succeeded", job["state"], "succeeded")


def standing_in(user):
    held = sandbox(f"/_sandbox/events?user={urllib.parse.quote(user)}")["events"]
    return sorted(event["summary"] for event in held)


def used(one, two, first, second):
    for browser, own, others in ((one, first, second), (two, second, first)):
        browser.open(others)
        browser.arrived("a link that another browser has used", says=["This link was already used"], refused=410)
        browser.open(own)
        browser.arrived("a link that this browser has used", says=["Your calendar is connected"])
    two.open(first)
    two.arrived("a used link with a way back", says=["Back to 127.0.0.1"], refused=410)
    two.press("Back to 127.0.0.1")
    two.arrived("back from a used link", says=["account=ada-1&status=not-connected"], ours=False)
    one.open(first)
    one.press("Back to 127.0.0.1")
    one.arrived("back once more where they came from", says=["account=ada-1&status=connected"], ours=False)


def refusals(one, two, ada, grace):
    one.open(EXPIRED)
    one.arrived("an expired link", says=["This link has expired", "fifteen minutes"], refused=410)
    one.open(EXPIRED[:-1])
    one.arrived("a link cut short", says=["This link does not work"], refused=404)
    third = link("third", returnUrl=CRM)
    on_to_google(one, third, "a third link")
    ones = state(one)
    two.open(third)
    two.arrived("a link that another browser has begun with", says=["open in another browser"], refused=409)
    two.open(f"{CALRELAY}/oauth2callback?state={ones}&code=x")
    two.arrived("somebody else's state", says=["Not connected", "has not begun"], refused=400)
    for step, query in [("a forged state", "state=forged&code=x"), ("a missing state", "code=x")]:
        on_to_google(one, third, f"again before {step}")
        one.open(f"{CALRELAY}/oauth2callback?{query}")
        one.arrived(step, says=["Not connected", "or was forged"], refused=400)
    on_to_google(one, third, "again before no")
    one.press("Cancel")
    one.arrived("declined", says=["Consent was declined", "begin again with your link", "Back to 127.0.0.1"], refused=403)
    one.press("Try again")
    one.arrived("trying again", says=["Connect your Google Calendar"])
    one.press("Continue to Google")
    one.arrived("trying again, at Google", says=["wants access to a Google Account"])
    one.choose(ada)
    sandbox("/_sandbox/faults", {"method": "token.exchange", "reason": "deleted_client", "status": 401, "count": 1})
    one.tick()
    one.press("Continue")
    one.arrived("a client that Google has deleted", says=["OAuth client not initialized", "deleted_client", "Tell whoever sent you"], refused=502)
    expect("none of it has connected", api("/api/v1/accounts/third")[0], 404)
    bound = link("ada-1")
    on_to_google(two, bound, "a link to another's account", says=[ada])
    consent(two, grace)
    two.arrived("another user", says=["That is another Google user", f"belongs to {ada}", f"came from {grace}"], refused=409)
    expected = link("fourth", email=ada)
    on_to_google(two, expected, "a link for somebody else", says=[ada])
    consent(two, grace)
    two.arrived("an unexpected user", says=["That is another Google user", f"made for {ada}", f"came from {grace}"], refused=409)
    expect("the account is whose it was", email("ada-1"), ada)
    expect("and nobody has got the other", api("/api/v1/accounts/fourth")[0], 404)


def twins(one, ada):
    on_to_google(one, link("ada-2"), "a second account of one user")
    consent(one, ada)
    one.arrived("the second account", says=["Your calendar is connected", ada])
    status, gone = api("/api/v1/accounts/ada-2", method="DELETE")
    expect("it goes without the grant of the first", (status, gone["atGoogle"]), (200, "keptForOthers"))
    event("ada-1", "Still Ada's")


def operator(one, ada, grace):
    one.open(f"{SETUP}?account=grace-1")
    one.arrived("an operator is asked who they are", says=["Sign in"])
    one.one("#key").send_keys(KEY)
    one.press("Sign in")
    one.arrived("an account among others", says=["grace-1", f"Events are created as {grace}", "ada-1", ada, "If it does not work"])
    for summary in one.driver.find_elements("css selector", "summary"):
        summary.click()
    says = ["OAuth client not initialized", "Calendar integration not configured", "seven days", "/oauth2callback"]
    one.arrived("what to do when it does not work", says=says)
    one.size(390, 844)
    one.arrived("the same on a phone", says=says)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    expect("nothing stands out to the side", one.driver.execute_script(wide), 0)
    one.size(1280, 800)
    one.open(f"{SETUP}?account=new")
    one.arrived("an account that is not there yet", says=["new", "Not connected", "in “Testing”"])
    for reason, status, words in [
        ("redirect_uri_mismatch", 400, ["The redirect URI is not registered", f"{CALRELAY}/oauth2callback"]),
        ("invalid_client", 401, ["OAuth client not initialized", "GOOGLE_CREDENTIALS"]),
        ("access_denied", 403, ["An administrator does not allow this"]),
        ("internal_failure", 500, ["Google cannot be reached"]),
    ]:
        sandbox("/_sandbox/faults", {"method": "token.exchange", "reason": reason, "status": status, "count": 1})
        one.open(f"{SETUP}?account=new")
        one.press("Connect Google Calendar")
        one.arrived(f"consent before {reason}", says=["wants access to a Google Account"])
        one.choose(ada)
        one.tick()
        one.press("Continue")
        one.arrived(f"{reason} for an operator", says=words, refused={400: 502, 401: 502, 403: 403, 500: 503}[status])
        one.press("Back to the setup page")
        one.arrived(f"back from {reason}", says=["new", "Not connected"])


def stranger(two):
    two.open(f"{STRANGER}/google-calendar-setup?account=new")
    two.one("#key").send_keys(STRANGER_KEY)
    two.press("Sign in")
    both = [f"{STRANGER}/oauth2callback", f"{CALRELAY}/oauth2callback", "redirect_uri_mismatch"]
    two.arrived("a redirect URI that is not registered", says=both)
    two.press("Connect Google Calendar")
    two.arrived("what Google says then", says=["redirect_uri_mismatch"], refused=400)


def main():
    crm()
    one, two = Browser("one"), Browser("two")
    try:
        one.open(f"{SANDBOX}/")
        people = [option.get_attribute("value") for option in one.driver.find_elements("css selector", "[name=user] option")]
        ada, grace = people[:2]
        first, second = two_people(one, two, ada, grace)
        event("ada-1", "Ada's")
        event("grace-1", "Grace's")
        expect("each event stands in its own calendar only", (standing_in(ada), standing_in(grace)), (["Ada's"], ["Grace's"]))
        used(one, two, first, second)
        refusals(one, two, ada, grace)
        twins(one, ada)
        expect("and so it is after all that", (standing_in(ada), standing_in(grace)), (["Ada's", "Still Ada's"], ["Grace's"]))
        operator(one, ada, grace)
        stranger(two)
    finally:
        one.quit()
        two.quit()
    print("ok, both people")


main()
