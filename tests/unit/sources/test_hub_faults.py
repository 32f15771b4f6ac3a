"""What goes wrong between the Hub and us, and what then happens; the client is the real one, the Hub is not."""

import hashlib
import time

import pytest

from tests.unit.sources import hub_standin
from tests.unit.sources.hub_standin import MODEL, TABLES, WEIGHTS, cut, drip, fetch, garble, refuse, resize, start_fetch

hub = pytest.fixture(hub_standin.serve)
SPECS = {"model": {"repo_id": "org/tiny"}, "dataset": {"repo_id": "org/sums", "subset": "main"}}
KEYS = {"model": "models.tiny", "dataset": "datasets.tiny.fetch"}
LARGE = {"model": "store/org/tiny", "dataset": "store/datasets/org/sums"}  # the files in the store
CONTENT = {"model": WEIGHTS, "dataset": TABLES["main/train.jsonl"]}
both = pytest.mark.parametrize("kind", ["model", "dataset"])


def ranges(hub, part: str) -> list[tuple[str | None, int]]:
    """List from where each request for a file wanted it, and how many bytes it was sent."""
    return [(request.headers.get("range"), request.sent) for request in hub.contents(part)]


@both
def test_a_file_that_is_cut_off_is_taken_up_where_it_broke(hub, tmp_path, kind):
    hub.misbehave(LARGE[kind], cut(20), cut(30))
    assert fetch(tmp_path, kind, hub.endpoint, **SPECS[kind]) == ""
    rest = len(CONTENT[kind]) - 50
    assert ranges(hub, LARGE[kind]) == [(None, 20), ("bytes=20-", 30), ("bytes=50-", rest)]
    if kind == "model":
        assert (tmp_path / "results/data/model.safetensors").read_bytes() == WEIGHTS


def test_a_connection_that_is_reset_is_made_again(hub, tmp_path):
    hub.misbehave(LARGE["model"], cut(1000, "reset"))
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    assert len(ranges(hub, LARGE["model"])) == 2


def test_cuts_do_not_add_up_while_the_download_comes_forward(hub, tmp_path):
    hub.misbehave(LARGE["model"], *[cut(30_000)] * 8)
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"], patience={"LEAST_BYTES": 30_000}) == ""
    assert [sent for _, sent in ranges(hub, LARGE["model"])] == [30_000] * 8 + [16_000]
    hub.misbehave(LARGE["model"], cut(30_000), always=True)
    assert "cannot be reached for org/tiny (RemoteProtocolError at localhost)" in fetch(
        tmp_path / "other", "model", hub.endpoint, **SPECS["model"], patience={"LEAST_BYTES": 30_001}
    )


def test_a_killed_download_is_taken_up_by_the_next_run(hub, tmp_path):
    hub.misbehave(LARGE["model"], cut(1000, "hold"))
    job = start_fetch(tmp_path, "model", hub.endpoint, **SPECS["model"])
    blobs = tmp_path / "work/hub/models--org--tiny/blobs"
    wait_until(lambda: [part.stat().st_size for part in blobs.glob("*.incomplete")] == [1000])
    job.kill()
    job.join()
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    assert ranges(hub, LARGE["model"]) == [(None, 1000), ("bytes=1000-", 255_000)]
    assert (tmp_path / "results/data/model.safetensors").read_bytes() == WEIGHTS
    assert not list(blobs.glob("*.incomplete"))


def test_a_server_that_takes_no_ranges_begins_anew(hub, tmp_path):
    hub.takes_ranges = False
    hub.misbehave(LARGE["model"], cut(1000))
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    assert ranges(hub, LARGE["model"]) == [(None, 1000), ("bytes=1000-", 256_000)]
    assert (tmp_path / "results/data/model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("kind", "file", "fault"),
    [
        ("model", "model.safetensors", garble),
        ("model", "model.safetensors", resize(5)),
        ("model", "model.safetensors", resize(-1)),
        ("model", "/config.json", garble),
        ("dataset", "main/train.jsonl", garble),
    ],
)
def test_wrong_bytes_are_fetched_once_more_and_then_refused(hub, tmp_path, kind, file, fault):
    content = MODEL["config.json"] if file == "/config.json" else CONTENT[kind]
    part, file = (file, "config.json") if file == "/config.json" else (LARGE[kind], file)
    expected = (hashlib.sha256(content) if part == LARGE[kind] else hashlib.sha1(b"blob 2\0{}")).hexdigest()
    hub.misbehave(part, fault, always=True)
    said = fetch(tmp_path, kind, hub.endpoint, **SPECS[kind])
    assert f"{KEYS[kind]}: {file} does not have the content that the repository lists: expected {expected} " in said
    assert f" ({len(content)} bytes), found " in said and "hub.proxy or hub.endpoint" in said
    assert [wanted for wanted, _ in ranges(hub, part)] == [None, None]
    assert not list((tmp_path / "work/hub").rglob(f"{expected}*"))

    hub.misbehave(part, fault)
    assert fetch(tmp_path, kind, hub.endpoint, **SPECS[kind]) == ""
    assert len(ranges(hub, part)) == 4


@pytest.mark.parametrize(
    ("left", "fault", "wanted"),
    [
        (WEIGHTS, None, []),
        (b"?" * 1000, None, ["bytes=1000-", None]),
        (WEIGHTS + b"?", None, [None]),
        (WEIGHTS[:1000], refuse(416), ["bytes=1000-", None]),
    ],
    ids=["all", "wrong", "too much", "more than there is"],
)
def test_what_an_earlier_run_left_is_not_trusted(hub, tmp_path, left, fault, wanted):
    part = tmp_path / f"work/hub/models--org--tiny/blobs/{hashlib.sha256(WEIGHTS).hexdigest()}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    hub.misbehave(LARGE["model"], *[fault] if fault else [])
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    assert [begun for begun, _ in ranges(hub, LARGE["model"])] == wanted
    assert (tmp_path / "results/data/model.safetensors").read_bytes() == WEIGHTS


def test_a_damaged_download_is_not_used(hub, tmp_path):
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    weights = tmp_path / "results/data/model.safetensors"
    weights.write_bytes(b"?" + WEIGHTS[1:])  # the same file as that in `work`
    hub.asked.clear()
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"]) == ""
    assert weights.read_bytes() == WEIGHTS and len(hub.contents("store")) == 1


REFUSALS = {
    "a gated repository": (
        {"repo_id": "org/gated"},
        None,
        "{key}.repo_id: org/gated is gated; accept its terms on its page on the Hub. Then log in with `hf auth login`, "
        "or set HF_TOKEN. It says: 'Awaiting a review.'",
    ),
    "no such repository": (
        {"repo_id": "org/none"},
        None,
        "{key}.repo_id: {hub} has no 'org/none', or hides it because it is private. Check the spelling",
    ),
    "no such revision": (
        {"revision": "v9"},
        None,
        "{key}.revision: {repo} has no revision 'v9'; give a commit hash, branch or tag.",
    ),
    "a file that is listed only": (
        {},
        ("resolve", refuse(404, "EntryNotFound")),
        "and does not have it (404). Give another revision, or another mirror in hub.endpoint.",
    ),
    "a token without rights": (
        {},
        ("resolve", refuse(403)),
        "{key}.repo_id: {hub} refuses access to {repo} (403): the token is missing. Then log in",
    ),
    "a server out of order": (
        {},
        ("resolve", refuse(502)),
        "{key}: {hub} answered 502 for {repo}; wait a little and run again, the download goes on where it stopped.",
    ),
    "too many requests": (
        {},
        ("resolve", refuse(429)),
        "{key}: {hub} has too many requests (429) for {repo} and does not say for how long to wait. Run again after",
    ),
}


@pytest.mark.parametrize(
    ("kind", "case"),
    [("model", case) for case in REFUSALS]
    + [("dataset", case) for case in ("a gated repository", "a server out of order", "too many requests")],
)
def test_what_the_hub_refuses_is_said_with_the_config_key(hub, tmp_path, kind, case):
    changes, fault, sentence = REFUSALS[case]
    if fault:
        hub.misbehave(*fault, always=True)
    said = fetch(tmp_path, kind, hub.endpoint, **SPECS[kind] | changes)
    assert sentence.format(key=KEYS[kind], hub=hub.endpoint, repo=SPECS[kind]["repo_id"]) in said


@pytest.mark.parametrize(
    ("variables", "token"),
    [({}, "is missing"), ({"HF_TOKEN": "hf_old"}, "is expired, misspelt or lacks the right to read this repository")],
)
def test_a_refused_token_is_told_from_a_missing_one_and_never_repeated(hub, tmp_path, variables, token):
    hub.misbehave("api/", refuse(401, X_Error_Message="Invalid credentials hf_old in Authorization header"))
    said = fetch(tmp_path, "model", hub.endpoint, variables, **SPECS["model"])
    assert f"refuses access to org/tiny (401): the token {token}. Then log in with `hf auth login`" in said
    assert ("hf_old" in said) == (variables == {})


def test_a_name_that_is_no_repository_is_not_asked_for(hub, tmp_path):
    for name in ("a/b/c", "../up", "org/ti ny"):
        assert f"models.tiny.repo_id: {name!r} is not of the form owner/name" in fetch(
            tmp_path, "model", hub.endpoint, repo_id=name
        )
    assert hub.asked == [] and not (tmp_path / "work").exists()


@pytest.mark.parametrize(("kind", "told"), [("model", 1), ("dataset", 0)])
def test_a_busy_server_is_asked_again_when_it_says(hub, tmp_path, kind, told):
    hub.misbehave("api/", refuse(429, Retry_After=str(told)))
    hub.misbehave(LARGE[kind], refuse(429, RateLimit='"resolvers";r=0;t=0', Retry_After="90"))
    assert fetch(tmp_path, kind, hub.endpoint, **SPECS[kind], patience={"WAITS": [60]}) == ""
    tried = [line for line in (tmp_path / "log").read_text().splitlines() if "trying again" in line]
    assert tried == [f"{KEYS[kind]}: answer 429; trying again in {wait} s" for wait in (told, 0)]


def test_a_wait_that_is_too_long_is_not_waited_for(hub, tmp_path):
    hub.misbehave("api/", refuse(429, Retry_After="86400"))
    assert "(429) for org/tiny and asks to wait 86400 s. Run again after that" in fetch(
        tmp_path, "model", hub.endpoint, **SPECS["model"]
    )
    assert len(hub.asked) == 1


@both
def test_a_server_out_of_order_is_asked_again_with_growing_waits(hub, tmp_path, kind):
    hub.misbehave("api/", refuse(500), refuse(503))
    hub.misbehave(LARGE[kind], refuse(502), refuse(504))
    assert fetch(tmp_path, kind, hub.endpoint, **SPECS[kind], patience={"WAITS": [0.01, 0.02]}) == ""
    tried = [line for line in (tmp_path / "log").read_text().splitlines() if "trying again" in line]
    assert tried == [
        f"{KEYS[kind]}: answer {status}; trying again in {wait} s"
        for status, wait in ((500, 0.01), (503, 0.02), (502, 0.01), (504, 0.02))
    ]


def test_a_server_that_falls_silent_is_left(hub, tmp_path):
    hub.misbehave("api/", cut(10, "hold"))
    hub.misbehave(LARGE["model"], cut(1000, "hold"))
    impatient = {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    assert fetch(tmp_path, "model", hub.endpoint, impatient, **SPECS["model"]) == ""
    assert (tmp_path / "log").read_text().count("ReadTimeout; trying again") == 2
    assert ranges(hub, LARGE["model"]) == [(None, 1000), ("bytes=1000-", 255_000)]


def test_a_server_that_drips_is_left(hub, tmp_path):
    slow = {"PATIENCE": 0.3, "LEAST_BYTES": 1000}
    hub.misbehave(LARGE["model"], drip(0.05))
    assert fetch(tmp_path, "model", hub.endpoint, **SPECS["model"], patience=slow) == ""
    (first, _), (second, sent) = ranges(hub, LARGE["model"])
    assert first is None and second == f"bytes={256_000 - sent}-" and 0 < 256_000 - sent < 20
    hub.misbehave(LARGE["model"], drip(0.05), always=True)
    said = fetch(tmp_path / "other", "model", hub.endpoint, **SPECS["model"], patience=slow)
    assert (
        "cannot be reached for org/tiny (ReadTimeout at localhost). Run again when it can, the download goes on" in said
    )


@both
def test_the_token_is_not_sent_along_to_another_host(hub, tmp_path, kind):
    assert fetch(tmp_path, kind, hub.endpoint, {"HF_TOKEN": "hf_secret"}, **SPECS[kind]) == ""
    stored = [request for request in hub.asked if request.to_store]
    assert len(stored) == 1 and len(hub.asked) > 3
    assert not any(name.lower() == "authorization" for name in stored[0].headers)
    assert "hf_secret" not in str(stored[0])
    for request in hub.asked:
        assert request.to_store or request.headers["authorization"] == "Bearer hf_secret"


@both
def test_an_unreachable_hub_is_said_with_every_way_out(tmp_path, kind):
    said = fetch(tmp_path, kind, "http://127.0.0.1:9", **SPECS[kind])
    repo_id = SPECS[kind]["repo_id"]
    assert f"{KEYS[kind]}: http://127.0.0.1:9 cannot be reached for {repo_id} (ConnectError at 127.0.0.1)" in said
    ways = ("hub.endpoint", "hub.proxy", "HF_HUB_OFFLINE=1", "source: local", "default study, which needs no Hub")
    assert [way for way in ways if way not in said] == []


def test_a_store_that_cannot_be_reached_is_named(hub, tmp_path):
    hub.store = "http://localhost:9"
    said = fetch(tmp_path, "model", hub.endpoint, **SPECS["model"])
    assert f"models.tiny: {hub.endpoint} cannot be reached for org/tiny (ConnectError at localhost). Run again" in said


@pytest.mark.parametrize("answer", [b"<html>Log in</html>", b"{}", b'{"id": "org/tiny", "sha": "../up"}'])
def test_an_endpoint_that_is_no_hub_is_said(hub, tmp_path, answer):
    hub.misbehave("api/", lambda reply: reply.__init__(200, answer))
    said = fetch(tmp_path, "model", hub.endpoint, **SPECS["model"])
    assert f"models.tiny.repo_id: {hub.endpoint} does not answer as the Hub does. Check hub.endpoint (or HF_END" in said


def test_an_endpoint_that_is_no_address_is_said(tmp_path):
    said = fetch(tmp_path, "model", "hub.example", **SPECS["model"])
    assert said == "hub.endpoint (or HF_ENDPOINT): 'hub.example' is no web address; begin it with https://."


def test_a_repository_without_hashes_or_with_strange_paths_is_refused(hub, tmp_path):
    def tell(changes):
        def change(reply):
            told = reply.body.decode()
            for old, new in changes.items():
                assert f'"{old}"' in told
                told = told.replace(f'"{old}"', f'"{new}"')
            reply.__init__(200, told.encode())

        return change

    hub.misbehave("api/", tell({"blobId": "nothing"}))
    assert f"{hub.endpoint} tells no size or no hash of org/tiny/config.json" in fetch(
        tmp_path, "model", hub.endpoint, **SPECS["model"]
    )
    for name in ("../up.json", "/tmp/up.json"):
        hub.misbehave("api/", tell({"config.json": name}))
        said = fetch(tmp_path, "model", hub.endpoint, **SPECS["model"])
        assert f"models.tiny.repo_id: org/tiny lists a file outside itself, {name!r}." in said
    assert hub.contents() == []


def wait_until(holds, seconds: float = 20):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)
