"""One person connects calendars in several tabs of one browser, and goes back, reloads and clicks twice.

Needs a calrelay with its sandbox, freshly started (see visitor.py). Prints one `ok` line a check and ends with status 1 at
the first difference.
"""

import urllib.error
import urllib.parse
import urllib.request

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from visitor import CALRELAY, HTTP, KEY, SANDBOX, SETUP, Browser, api, expect, sandbox

# As long as they may be, and as odd.
ACCOUNTS = ["a" * 64, "-" * 64, "_", "ÄÖ".encode().hex() + "_-"]
LONG_USER = "f" * 64 + "@" + "m" * 60 + ".example.com"


def link(account, **wanted):
    status, made = api(f"/api/v1/accounts/{account}/connect-links", wanted)
    expect(f"a link for {account} is made", status, 201)
    return made["url"]


def shown(account):
    status, told = api(f"/api/v1/accounts/{account}")
    return (told["email"], told["generation"]) if status == 200 and told["state"] == "connected" else None


def tab(browser, url, step, says):
    browser.driver.switch_to.new_window("tab")
    browser.size(1280, 800)
    browser.open(url)
    browser.arrived(step, says=says)
    return browser.driver.current_window_handle


def at_google(browser, step):
    browser.arrived(f"{step}, at Google", says=["wants access to a Google Account"])


def on_to_google(browser, step):
    browser.press("Continue to Google")
    at_google(browser, step)


def consent(browser, user):
    browser.choose(user)
    browser.tick()
    browser.press("Continue")


def traded():
    """How many codes the sandbox was asked to trade."""
    return sum(sandbox("/_sandbox/stats")["requests"].get("token.exchange", {}).values())


def two_tabs(browser, ada, grace):
    for order in ["first", "second"]:
        steps = []
        for number, user in enumerate([ada, grace]):
            account = f"{order}-{number}"
            handle = tab(browser, link(account), f"{account} in a tab", ["Connect your Google Calendar", account])
            on_to_google(browser, account)
            steps.append((handle, account, user))
        for handle, account, user in steps if order == "first" else reversed(steps):
            browser.driver.switch_to.window(handle)
            consent(browser, user)
            browser.arrived(f"{account} is answered", says=["Your calendar is connected", user])
            expect(f"{account} has its own user", shown(account), (user, 1))


def strays(browser, ada):
    kept = tab(browser, link("kept"), "a link that is kept open", ["kept"])
    on_to_google(browser, "kept")
    declined = tab(browser, link("declined"), "a link in another tab", ["declined"])
    on_to_google(browser, "declined")
    for query in ["state=deadbeef&code=x", "code=x", "error=access_denied", f"state={'0' * 64}&code=x"]:
        tab(browser, CALRELAY, "a tab beside", ["Sign in"])
        browser.open(f"{CALRELAY}/oauth2callback?{query}")
        browser.arrived(f"the stray answer {query[:22]}", says=["Not connected", "or was forged"], refused=400)
    browser.driver.switch_to.window(declined)
    browser.press("Cancel")
    browser.arrived("declined in one tab", says=["Consent was declined"], refused=403)
    browser.driver.switch_to.window(kept)
    consent(browser, ada)
    browser.arrived("the one that was kept", says=["Your calendar is connected", ada])
    expect("and it is", shown("kept"), (ada, 1))


def once_more(browser, grace):
    url, before = link("again"), traded()
    tab(browser, url, "one more link", ["again"])
    on_to_google(browser, "again")
    consent(browser, grace)
    browser.arrived("connected", says=["Your calendar is connected", grace])
    browser.driver.refresh()
    browser.arrived("reloaded", says=["Your calendar is connected", grace])
    browser.driver.back()
    at_google(browser, "back")
    consent(browser, grace)
    browser.arrived("and forth, with another code", says=["Your calendar is connected", grace])
    browser.open(url)
    browser.arrived("the link in the browser that has used it", says=["Your calendar is connected", grace])
    expect("one code was traded for all that", (shown("again"), traded()), ((grace, 1), before + 1))


def clicked_twice(browser, ada):
    before = traded()
    tab(browser, link("twice"), "a link for somebody in a hurry", ["twice"])
    button = browser.driver.find_element(By.XPATH, "//button[normalize-space()='Continue to Google']")
    ActionChains(browser.driver).double_click(button).perform()
    at_google(browser, "a double click")
    browser.choose(ada)
    browser.tick()
    button = browser.driver.find_element(By.XPATH, "//button[normalize-space()='Continue']")
    ActionChains(browser.driver).double_click(button).perform()
    browser.arrived("a double click at Google", says=["Your calendar is connected", ada])
    expect("it is connected once", (shown("twice"), traded()), ((ada, 1), before + 1))


def answer_to(google, user):
    """Where Google sends the browser back to, as a browser learns that loads it ahead."""
    asked = urllib.parse.parse_qsl(urllib.parse.urlsplit(google).query)
    form = urllib.parse.urlencode([*asked, ("user", user), ("decision", "all")]).encode()
    try:
        HTTP.open(urllib.request.Request(f"{SANDBOX}/o/oauth2/v2/auth", data=form), timeout=30)
    except urllib.error.HTTPError as reply:
        return reply.headers["Location"]


def loaded_ahead(browser, grace):
    before = traded()
    tab(browser, link("ahead"), "a link for a browser that loads ahead", ["ahead"])
    on_to_google(browser, "ahead")
    answer = answer_to(browser.driver.current_url, grace)
    expect("there is an answer", answer.startswith(f"{CALRELAY}/oauth2callback?"))
    # Our own pages load nothing; whatever loads ahead is not bound to that.
    browser.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    browser.open(CALRELAY)
    browser.arrived("a page to load ahead from", says=["Sign in"])
    seen = browser.driver.execute_async_script(
        """
        const [answer, done] = arguments;
        const ahead = new Promise(loaded => {
            const link = document.createElement('link');
            Object.assign(link, {rel: 'prefetch', href: answer, onload: () => loaded(true), onerror: () => loaded(false)});
            document.head.append(link);
        });
        const twice = [1, 2].map(() => fetch(answer).then(async reply =>
            [reply.status, (await reply.text()).includes('Your calendar is connected')]));
        const look = fetch(answer, {method: 'HEAD'}).then(reply => reply.status);
        Promise.all([...twice, look, ahead]).then(done, error => done(String(error)));
        """,
        answer,
    )
    expect("whoever asks meanwhile sees the same end", seen[:3], [[200, True], [200, True], 200])
    browser.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
    browser.complaints()
    browser.open(answer)
    browser.arrived("arrived where it was loaded ahead", says=["Your calendar is connected", grace])
    expect("one code was traded", (shown("ahead"), traded()), ((grace, 1), before + 1))


def sign_in(browser, account=""):
    browser.open(SETUP + account)
    browser.arrived("before signing in", says=["Sign in"])
    browser.one("#key").send_keys(KEY)
    browser.press("Sign in")


def wide(browser):
    return browser.driver.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def odd_names(browser):
    sandbox(f"/_sandbox/users/{urllib.parse.quote(LONG_USER)}", {})
    for account in ACCOUNTS:
        url = link(account, email=LONG_USER)
        tab(browser, url, "a link for an odd name", [account])
        browser.size(390, 844)
        browser.arrived("the same on a phone", says=[account, LONG_USER])
        expect("nothing stands out to the side", wide(browser), 0)
        on_to_google(browser, "an odd name")
        consent(browser, LONG_USER)
        browser.arrived("an odd name is connected", says=["Your calendar is connected", LONG_USER])
        expect("nor here", wide(browser), 0)
    sign_in(browser, f"?account={ACCOUNTS[0]}")
    browser.arrived("the setup page of odd names", says=[*ACCOUNTS, LONG_USER])
    expect("nor on the setup page", wide(browser), 0)
    for account in ACCOUNTS:
        browser.open(f"{SETUP}?account={account}")
        browser.arrived("one of them", says=[account, LONG_USER])
        browser.press("Disconnect …")
        browser.arrived("asked whether to disconnect it", says=["Disconnect Google Calendar?", f"for the account {account}", LONG_USER])
        expect("nor where it is asked", wide(browser), 0)
    browser.press("Disconnect")
    browser.arrived("disconnected", says=["Disconnected", ACCOUNTS[-1]])
    expect("nor afterwards", wide(browser), 0)
    browser.press("Back to the setup page")
    browser.arrived("back at the same account", says=[ACCOUNTS[-1], "Disconnected"])
    browser.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    browser.open(f"{SETUP}?account={ACCOUNTS[0]}")
    browser.arrived("the setup page in the dark", says=[*ACCOUNTS])
    browser.press("Sign out")
    browser.arrived("signed out", says=["Sign in"])
    browser.driver.back()
    browser.arrived("back after signing out", says=["Sign in"])


def wrong_method(browser):
    browser.open(f"{CALRELAY}/google-calendar-connect")
    browser.arrived("a path that takes forms alone", says=["This path takes POST", "Back to the setup page"], refused=405)


def main():
    browser = Browser()
    try:
        browser.open(f"{SANDBOX}/")
        people = [option.get_attribute("value") for option in browser.driver.find_elements(By.CSS_SELECTOR, "[name=user] option")]
        ada, grace = people[:2]
        two_tabs(browser, ada, grace)
        strays(browser, ada)
        once_more(browser, grace)
        clicked_twice(browser, ada)
        loaded_ahead(browser, grace)
        wrong_method(browser)
        odd_names(browser)
    finally:
        browser.quit()
    print("ok, all tabs")


main()
