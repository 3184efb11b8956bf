"""The console as a person meets it, in Chromium."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from functions import contract
from local import events
from tests.console.support import Console, require_browser

pytestmark = pytest.mark.long

require_browser()

SCRIPT = {
    "customerName": "<script>document.title='owned'</script><img src=x onerror=alert(1)>",
    "items": [{"sku": "<b>TEA</b>", "qty": 1, "price": 1}],
}


def _placed(console: Console, order: dict[str, object] = SCRIPT, key: str | None = None) -> str:
    headers = {"idempotency-key": key} if key else {}
    answer = console.desk.call("POST", contract.ORDERS_PATH, order, headers)
    assert answer.status == 201
    return str(answer.body["id"])


def test_an_order_is_followed_from_its_cold_start_to_its_confirmation(console: Console) -> None:
    page = console.open("/")
    page.get_by_role("button", name="Place an example order").click()
    page.locator(".rows tbody a").first.click()
    page.locator("main .status", has_text=contract.CONFIRMED).wait_for()
    steps = page.locator(".steps")
    for station in (
        "POST /orders → 201",
        "create_order cold start, environment and code",
        "create_order cold start, INIT",
        "create_order handler, cold",
        "DynamoDB PutItem",
        "in order-events",
        "process_order handler",
        "DynamoDB UpdateItem",
    ):
        steps.get_by_text(station).first.wait_for()
    page.get_by_text("INFO order confirmed").wait_for()


def test_a_newcomer_breaks_the_table_redrives_what_died_and_finds_the_missing_grant(
    console: Console,
) -> None:
    page = console.open("/faults")
    page.get_by_role("checkbox", name="table down").click()
    page.get_by_label("For seconds").fill("120")
    page.get_by_role("button", name="Disturb").click()
    page.get_by_text("table_outage: ").wait_for()

    # The first update that meets it begins the outage, so this order is stored and not confirmed.
    page = console.open("/api")
    page.get_by_label("POST /orders: Idempotency-Key").fill("newcomer")
    page.get_by_role("button", name="Send POST /orders").click()
    page.get_by_role("link", name="See this order").click()
    # The call, or all of the handler where that ran out of time before it knew.
    page.locator(".steps .call.failed, .steps .handler.failed").first.wait_for()
    page.locator(".steps .queue", has_text="receive 2: delivered again").wait_for()
    page.locator(".steps .dead", has_text="order-events → order-events-dlq").wait_for()
    order = page.url.rpartition("/")[2]

    page = console.open("/faults")
    page.get_by_role("button", name="End it").click()
    page.get_by_text("No faults now").wait_for()
    page = console.open("/queues")
    letter = page.locator(".letter", has_text=order)
    letter.get_by_text("The message, a customer's data masked").click()
    letter.get_by_text("***").first.wait_for()
    assert "Ada Lovelace" not in letter.inner_text()
    page.locator(".card", has_text="Dead letters in order-events-dlq").get_by_role(
        "button", name="Send all back"
    ).click()
    letter.wait_for(state="detached")
    page = console.open(f"/orders/{order}")
    page.locator("main .status", has_text=contract.CONFIRMED).wait_for()

    page = console.open("/api")
    form = page.locator("section", has_text="GET /orders/{id}/history")
    form.get_by_role("textbox").fill(order)
    form.get_by_role("button").first.click()
    form.locator(".status", has_text="500").wait_for()
    page = console.open("/requests")
    denied = page.locator(".letter", has_text="dynamodb:Query on ")
    denied.get_by_text("add to the grants of get_order_history in").wait_for()
    assert denied.locator(".grant").inner_text() == 'on_history("Query")'


def test_while_the_queue_is_down_an_order_is_kept_and_the_answer_leads_to_it(
    console: Console,
) -> None:
    console.desk.faults.start({}, ["queue_outage"], 60)
    page = console.open("/api")
    page.get_by_label("POST /orders: Idempotency-Key").fill("queue-down")
    page.get_by_role("button", name="Send POST /orders").click()
    page.locator("section .status", has_text="503").wait_for()
    page.get_by_role("link", name="See this order").click()
    page.locator(".steps .call.failed", has_text="SQS SendMessage: fault").first.wait_for()
    console.desk.faults.stop()
    page.get_by_role("button", name="Send again: a retry").click()
    page.get_by_text("201: replayed, the same order").wait_for()
    page.locator("main .status", has_text=contract.CONFIRMED).wait_for()


def test_a_resource_shows_its_role_its_logs_and_the_file_that_made_it(console: Console) -> None:
    _placed(console)
    page = console.open("/system")
    page.locator(".map svg", has_text=re.compile(r"POST /orders \(v1, v2\) ×\d+")).wait_for()
    page.locator(".map svg", has_text=re.compile(r"PutItem ×\d+")).wait_for()
    page.locator(".map svg .node", has_text=re.compile("^process-order$")).click()
    page.get_by_role("heading", name="orders-process-order").wait_for()
    page = console.open("/system")
    component = page.locator("section", has=page.get_by_text("orders-create-order", exact=True))
    component.get_by_text(re.compile(r"\d+ invocations")).wait_for()
    component.get_by_role("link", name="Function", exact=True).click()
    page.get_by_text(re.compile(r"components/function\.py:\d+")).wait_for()
    page.get_by_text("sqs:SendMessage").wait_for()
    page.get_by_text('"message":"create_order"').first.wait_for()
    secret = str(page.locator("main").inner_text()).split('"ORDER_ID_KEY": ')[1]
    assert secret.startswith('"***"')


def test_load_is_placed_at_its_rate_and_counted(console: Console) -> None:
    page = console.open("/faults")
    page.get_by_label("Orders").last.fill("6")
    page.get_by_label("A second").fill("50")
    page.get_by_role("button", name="Place orders").click()
    page.get_by_text("6 of 6 answered in").wait_for()
    page.get_by_text("6 x 201").wait_for()


def test_what_comes_from_outside_is_text(console: Console) -> None:
    dialogs: list[object] = []
    console.page.on("dialog", lambda dialog: (dialogs.append(dialog), dialog.dismiss()))
    page = console.open(f"/orders/{_placed(console)}")
    page.get_by_text("<script>document.title='owned'</script>").first.wait_for()
    page.get_by_text("<b>TEA</b>").first.wait_for()
    assert page.locator("main img, main script, main b").count() == 0
    assert "owned" not in page.title()
    assert not dialogs
    page = console.open("/orders/%3Cimg%20src=x%20onerror=alert(1)%3E")
    page.get_by_text("No order has this id").wait_for()
    assert not dialogs


def test_an_order_is_found_and_a_reload_loses_nothing(console: Console) -> None:
    first, second = _placed(console), _placed(console)
    page = console.open("/")
    page.locator(f".rows a[href='/orders/{second}']").wait_for()
    page.keyboard.press("/")
    page.keyboard.type(first[:18])
    page.locator(f".rows a[href='/orders/{second}']").wait_for(state="detached")
    page.locator(f".rows a[href='/orders/{first}']").wait_for()
    page.wait_for_url(re.compile(f"search={first[:18]}$"))
    page.reload()
    page.locator(f".rows a[href='/orders/{first}']").wait_for()
    assert page.locator(".rows tbody a").count() == 1


def test_a_request_is_sent_again_as_a_retry_and_as_another_order(console: Console) -> None:
    page = console.open(f"/orders/{_placed(console, key='from-the-console')}")
    page.get_by_role("button", name="Send again: a retry").click()
    page.get_by_text("201: replayed, the same order").wait_for()
    page.get_by_role("button", name="Send again: another order").click()
    page.locator(".told a").click()
    page.get_by_role("heading", name=re.compile("Order ")).wait_for()
    page.locator("main .status", has_text=re.compile("PENDING|CONFIRMED")).wait_for()


def test_pages_are_reached_by_keys_and_by_tab(console: Console) -> None:
    page = console.open("/")
    names = page.locator("nav.pages a").all_inner_texts()
    for number, name in enumerate(names, 1):
        page.locator("body").press(str(number))
        page.locator("nav.pages a[aria-current=page]", has_text=name).wait_for()
        page.locator("main h1").first.wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1440, "light")])
def test_no_page_is_wider_than_its_window(console: Console, width: int, scheme: str) -> None:
    page = console.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for path in page.locator("nav.pages a").evaluate_all("all => all.map(a => a.pathname)"):
        console.open(path).locator("main .card").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    dark = page.locator("body.body--dark").count() == 1
    assert dark is (scheme == "dark")


def test_every_request_of_the_pages_goes_to_this_machine(console: Console) -> None:
    asked = [urlsplit(url) for url in console.asked]
    assert len(asked) > 20
    assert {part.hostname for part in asked if part.scheme in ("http", "https", "ws")} == {
        "127.0.0.1"
    }


def test_an_alarm_that_would_have_rung_is_told(console: Console) -> None:
    """The newcomer's dead letter, and the history that could not be read."""
    page = console.open("/metrics")
    page.get_by_text(re.compile("Would have rung at")).first.wait_for()
    page.locator("section", has_text="api: requests").locator("canvas").first.wait_for()


def test_the_end_of_a_run_is_told_on_every_page(console: Console) -> None:
    page = console.open("/queues")
    page.locator(".rows tbody").wait_for()
    console.desk.index.take(events.SystemEnded(reason="its emulator was killed"))
    page.get_by_role("alert").get_by_text("This run has ended. its emulator was").wait_for()
    page.reload()
    page.get_by_role("alert").get_by_text("This run has ended.").wait_for()


def test_without_the_token_a_browser_is_refused(console: Console) -> None:
    stranger = console.page.context.browser
    assert stranger is not None
    page = stranger.new_page()
    answer = page.goto(console.url.partition("?")[0])
    assert answer is not None
    assert answer.status == 403
    page.close()
