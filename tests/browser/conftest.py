"""One headless Chromium for all tests of the page; whatever they open must ask for nothing and report no error."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from report_pages import DESKTOP, SEEDS, build_known_study, finish_page, write_page

from tests.shared_folder import build_once
from tests.unit.reporting.page_factory import draw_figures

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


@dataclass
class Watch:
    """What a page did besides showing itself."""

    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        def answer(route):
            if route.request.url.startswith("file:") and route.request.is_navigation_request():
                route.continue_()
            else:
                self.requests.append(route.request.url)
                route.abort()

        def close(dialog):
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        page.route("**/*", answer)
        page.on("dialog", close)
        page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.messages.append(str(error)))


@pytest.fixture(scope="session")
def browser():
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if program is None:
        pytest.fail("Chromium is missing, in which these tests look at the page; install it with `make programs`.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser):
    """Return a function that opens a file in a fresh context; at the end, all that were opened must have kept quiet."""
    watch, contexts = Watch(), []

    def visit_file(path: Path, anchor: str = "", **options) -> Page:
        contexts.append(browser.new_context(**{"viewport": DESKTOP} | options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        watch.follow(page)
        page.goto(path.as_uri() + anchor)
        return page

    yield visit_file
    for context in contexts:
        context.close()
    assert contexts
    assert watch == Watch()


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    """The page of a study whose verdicts are known by the row's place; see `report_pages.judge`."""
    study = build_known_study(seeds=SEEDS)
    return build_once(tmp_path_factory, "report", lambda root: write_page(root, study)) / "report.html"


@pytest.fixture(scope="session")
def chinese_report(report, tmp_path_factory) -> Path:
    """The same page in Chinese, with its figures."""
    root = shutil.copytree(report.parent, tmp_path_factory.mktemp("chinese"), dirs_exist_ok=True)
    study = build_known_study(seeds=SEEDS)
    study["study"]["language"] = "zh"
    draw_figures(root, study, drawn=True)
    return finish_page(root, study)


@pytest.fixture
def page(visit, report) -> Page:
    return visit(report)
