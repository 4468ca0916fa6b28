"""A newcomer's first visit in Chromium: sign in, disconnect, connect again past every refusal, see the first event.

Needs a calrelay with its sandbox, freshly started (see visitor.py). Prints one `ok` line a check and ends with status 1
at the first difference.
"""

import datetime
import urllib.parse
import urllib.request

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from visitor import CALRELAY, KEY, SANDBOX, SETUP, Browser, api, expect, send

EXAMPLE = {
    "summary": "Production Test Event",
    "description": "Testing calendar integration",
    "startDateTime": "2026-12-30T14:00:00",
    "endDateTime": "2026-12-30T15:00:00",
    "attendeeEmail": "test@example.com",
    "timeZone": "Asia/Kolkata",
}


def authenticated():
    return api("/api/calendar-status")[1]["authenticated"]


def sign_in(browser):
    browser.open(CALRELAY + "/")
    browser.arrived("the first page", says=["Sign in", "API key with the scope admin"])
    browser.focused("the key's field has the focus", "API key with the scope admin").send_keys("crk_wrong", Keys.ENTER)
    browser.arrived("a wrong key", says=["That is not the key of an administrator."], refused=403)
    browser.focused("and has it again", "API key with the scope admin").send_keys(KEY, Keys.ENTER)


def disconnect(browser, ada):
    browser.arrived("signed in", says=["Connected", ada])
    expect("the status agrees", authenticated())
    browser.press("Disconnect …")
    browser.arrived("asked", says=["Disconnect Google Calendar?", ada])
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in browser.driver.get_cookies())
    forged = urllib.parse.urlencode({"csrf": "0" * 64}).encode()
    request = urllib.request.Request(f"{CALRELAY}/google-calendar-revoke", data=forged, headers={"Cookie": cookies})
    expect("a form without the page's token is refused", send(request)[0], 403)
    expect("and changes nothing", authenticated())
    browser.press("Disconnect")
    browser.arrived("disconnected", says=["Disconnected", "given back to Google"])
    browser.press("Back to the setup page")
    browser.arrived("without a calendar", says=["Disconnected", f"It was connected as {ada}"])
    expect("the status agrees that it is disconnected", authenticated(), False)
    status, problem = api("/api/v1/events", EXAMPLE)
    expect("an event is refused meanwhile", (status, problem["type"].split(":")[-1]), (409, "account-not-connected"))
    expect("and told where to connect", urllib.parse.urljoin(CALRELAY, problem["setupUrl"]), SETUP)


def consent(browser):
    browser.open(SETUP)
    browser.press("Connect Google Calendar")
    browser.arrived("consent", says=["wants access to a Google Account", "View and edit events"])
    expect("consent is asked for by the sandbox", browser.driver.current_url.startswith(f"{SANDBOX}/o/oauth2/v2/auth?"))


def refusals(browser, ada, grace):
    consent(browser)
    browser.press("Cancel")
    browser.arrived("denied", says=["Consent was declined", "begin again from the setup page"], refused=403)
    consent(browser)
    browser.choose(ada)
    expect("the calendar's box begins unticked", browser.one("input[name=grant]").is_selected(), False)
    browser.press("Continue")
    browser.arrived("unticked", says=["The calendar was not included", "tick the box"], refused=403)
    consent(browser)
    browser.choose(grace)
    browser.tick()
    browser.press("Continue")
    browser.arrived("another user", says=["That is another Google user", ada, grace], refused=409)
    expect("nothing of it has connected", authenticated(), False)
    browser.open(f"{CALRELAY}/oauth2callback?state=forged&code=x")
    browser.arrived("an answer to nothing", says=["Not connected", "has not begun"], refused=400)
    for step, query in [("a forged state", "state=forged&code=x"), ("a missing state", "code=x")]:
        consent(browser)
        browser.open(f"{CALRELAY}/oauth2callback?{query}")
        browser.arrived(step, says=["Not connected", "or was forged"], refused=400)
    expect("none of it has connected", authenticated(), False)


def connect(browser, ada):
    consent(browser)
    browser.choose(ada)
    browser.tick()
    # As a person at the keyboard would: Enter is Continue.
    browser.one("input[name=other]").send_keys(Keys.ENTER)
    browser.arrived("connected", says=["Connected", f"Events are created as {ada}"])
    expect("at the setup page", browser.driver.current_url, SETUP)
    expect("the status agrees again", authenticated())


def event(browser):
    status, made = api("/api/create-calendar-event", EXAMPLE)
    expect("the example is created", (status, made["message"]), (200, "Calendar event created successfully"))
    browser.open(f"{SANDBOX}/?date=2026-12-30")
    browser.arrived("the week", says=["28 December 2026", "Production Test Event", "14:00"])
    chip = browser.box(".day .chip", "Production Test Event")
    for head in range(7):
        column = browser.driver.execute_script(
            "const head = document.querySelectorAll('.head')[arguments[0]];"
            "return [head.innerText, head.getBoundingClientRect().toJSON()]",
            head,
        )
        inside = column[1]["left"] <= chip["left"] and chip["right"] <= column[1]["right"]
        day = " ".join(column[0].split()).title()
        expect(f"{day} {'holds' if day == 'Wed 30' else 'does not hold'} it", inside, day == "Wed 30")
    for hour, edge in [("14:00", "top"), ("15:00", "bottom")]:
        expect(f"its {edge} is at {hour}", abs(chip[edge] - browser.box(".hours div", hour)["top"]) <= 2)
    expect("its hour is readable", browser.one(".day .chip .when").is_displayed())
    details(browser, made)
    phone(browser)


def details(browser, made):
    chip = browser.one(".day .chip")
    chip.send_keys(Keys.ENTER)
    browser.arrived("details", says=["Wednesday, 30 December 2026, 14:00 – 15:00 (Asia/Kolkata)", "test@example.com"])
    link = browser.one(".card:popover-open a")
    expect("the Meet link is the one that the caller was given", link.get_attribute("href"), made["meetLink"])
    expect("and is visible", link.is_displayed())
    browser.focused("the focus is inside", "Close").send_keys(Keys.ESCAPE)
    expect("Escape closes them", browser.driver.find_elements(By.CSS_SELECTOR, ".card:popover-open"), [])
    expect("and gives the focus back", browser.driver.switch_to.active_element, chip)


def phone(browser):
    browser.size(390, 844)
    browser.arrived("the week on a phone", says=["Production Test Event", "14:00–15:00"])
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    expect("nothing stands out to the side", browser.driver.execute_script(wide), 0)
    chip, head, next_head = browser.box(".day .chip"), browser.box(".head", "30"), browser.box(".head", "31")
    expect("it stands below its day", head["bottom"] <= chip["top"] and chip["bottom"] <= next_head["top"])
    browser.size(1280, 800)


def elsewhere(browser):
    browser.open(f"{SANDBOX}/?date=2026-03-04")
    next_event = "Production Test Event, Wednesday, 30 December 2026"
    browser.arrived("an empty week", says=["Nothing planned this week.", next_event])
    # Nobody is invited to the past, whenever this runs.
    day = datetime.date.today() + datetime.timedelta(days=30)
    later = {"summary": "Later", "startDateTime": f"{day}T09:00:00", "endDateTime": f"{day}T10:00:00"}
    status, _ = api("/api/create-calendar-event", EXAMPLE | later)
    expect("another event is created", status, 200)
    browser.open(f"{SANDBOX}/_sandbox/outbox")
    browser.arrived("the outbox", says=["Invitation", "Later", "test@example.com"])
    for page, origin in [("a wrong address", CALRELAY), ("a wrong address at Google", SANDBOX)]:
        browser.open(f"{origin}/nowhere")
        browser.arrived(page, says=["There is nothing here"], refused=404)
        browser.driver.execute_script("document.body.setAttribute('style', 'color: red')")
        blocked = [line for line in browser.complaints() if "Content Security Policy" in line]
        expect(f"{page}: the console tells of what the policy forbids", len(blocked), 1)


def main():
    browser = Browser()
    try:
        browser.open(f"{SANDBOX}/")
        people = [option.get_attribute("value") for option in browser.driver.find_elements(By.CSS_SELECTOR, "[name=user] option")]
        ada, grace = people[:2]
        sign_in(browser)
        disconnect(browser, ada)
        refusals(browser, ada, grace)
        connect(browser, ada)
        event(browser)
        elsewhere(browser)
    finally:
        browser.quit()
    print("ok, the whole visit")


main()
