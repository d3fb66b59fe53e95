"""The review's page in a real browser: what a person sees and does, down to pixels and rows of the database.

The tutorial's pictures come from here: ``CLASSMAT_SCREENSHOTS=docs/images pytest tests/annotate/test_review_page.py``.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import classmat as cm
from classmat.annotate.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
METHODS = ("closed-form", "knn")
PATIENCE = 240_000  # milliseconds: the first stroke compiles its kernels, on a machine that may be busy


def make_project(folder, scenes):
    with Project.create(folder) as project:
        for name, scene in scenes.items():
            file = folder / "images" / f"{name}.png"
            cm.write_image(file, scene.image)
            h, w = scene.alpha.shape
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            photo = project.add_photo(name, f"images/{name}.png", sha256=digest, width=w, height=h)
            project.write_trimap(photo, scene.trimap, "setup")
            for method in METHODS:
                alpha = cm.METHODS[method](scene.image, scene.trimap)
                project.write_matte(photo, method, alpha, parameters={})


@contextlib.contextmanager
def serving(folder, *options):
    """Run the command; yield the process and the page's address."""
    command = [sys.executable, "-m", "classmat.cli", "annotate", "review", str(folder)]
    options = ["--port", "0", "--no-browser", "--reviewer", "ana", *options]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        yield process, re.search(r"http://\S+", line).group()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@contextlib.contextmanager
def serving_here(folder):
    """Serve in a thread of this process, whose kernels are loaded already; yield the page's address."""
    import uvicorn

    from classmat.annotate.review.server import create_app

    with Project.open(folder) as project, socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            create_app(project, reviewer="ana"), log_level="error", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        server.should_exit = True
        thread.join(PATIENCE / 1000)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "portraits"
    scenes = {f"portrait-{seed}": cm.gallery.portrait(300, 240, seed=seed) for seed in (3, 5, 8)}
    make_project(folder, scenes)
    return folder


@pytest.fixture
def folder(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "portraits"))


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"the page is driven in Chromium, which is not at {CHROMIUM}")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Page:
    """A tab at the review, and what tests ask of it."""

    def __init__(self, browser, address, **options):
        options = {"viewport": {"width": 1440, "height": 900}, **options}
        self.tab = browser.new_context(**options).new_page()
        self.address, self.requests, self.errors = address, [], []
        self.tab.on("request", lambda request: self.requests.append(request.url))
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.tab.goto(address)
        self.wait()

    def wait(self, state="ready"):
        self.tab.wait_for_selector(f"body[data-state={state}]", timeout=PATIENCE)
        self.tab.wait_for_timeout(80)

    def press(self, *keys):
        for key in keys:
            self.tab.keyboard.press(key)
        self.tab.wait_for_timeout(80)

    def idle(self):
        """Move the brush out of sight and wait until nothing is being solved."""
        self.tab.mouse.move(5, 5)
        for _ in range(2):  # one answer may lead to the next question
            self.tab.wait_for_timeout(150)
            self.tab.wait_for_selector("#stage[data-running='0']", timeout=PATIENCE)

    def at(self, x, y):
        """Where the middle of a pixel of the photo is on the screen."""
        left, top, scale = json.loads(self.tab.get_attribute("#canvas", "data-place"))
        stage = self.tab.query_selector("#stage").bounding_box()
        return stage["x"] + left + scale * (x + 0.5), stage["y"] + top + scale * (y + 0.5)

    def pixel(self, x, y):
        """What the screen shows of a pixel of the photo, RGB."""
        stage = self.tab.query_selector("#stage").bounding_box()
        sx, sy = self.at(x, y)
        script = (
            "([x, y]) => [...document.getElementById('canvas').getContext('2d').getImageData(x, y, 1, 1).data]"
        )
        return np.array(self.tab.evaluate(script, [int(sx - stage["x"]), int(sy - stage["y"])])[:3])

    def drag(self, *points):
        self.tab.mouse.move(*self.at(*points[0]))
        self.tab.mouse.down()
        for point in points[1:]:
            self.tab.mouse.move(*self.at(*point), steps=6)
        self.tab.mouse.up()

    def text(self, id):
        return self.tab.inner_text(f"#{id}")


@pytest.fixture
def page(browser, folder):
    pytest.importorskip("fastapi", reason="the review's server needs fastapi")
    with serving_here(folder) as address:
        page = Page(browser, address)
        yield page
        assert page.errors == []
        assert all(url.startswith(address) or url.startswith(("blob:", "data:")) for url in page.requests)
        page.tab.context.close()


def rows(folder, statement):
    with contextlib.closing(sqlite3.connect(folder / "project.sqlite")) as connection:
        return connection.execute(statement).fetchall()


def decisions(folder):
    return rows(
        folder, "SELECT photos.name, choice FROM decisions JOIN photos ON photo = photos.id ORDER BY decisions.id"
    )


def read(folder, kind, name="portrait-3"):
    return (cm.read_trimap if kind == "trimaps" else cm.read_matte)(folder / kind / f"{name}.png")


def places(folder):
    """A pixel of each kind of the first photo, (x, y): foreground, background, and where the mattes differ most."""
    trimap = read(folder, "trimaps")
    a, b = (read(folder, f"mattes/{method}") for method in METHODS)
    found = [np.argwhere(trimap == label) for label in (255, 0)]
    most = np.unravel_index(abs(a - b).argmax(), a.shape)
    return [tuple(int(v) for v in place[::-1]) for place in (*(list_[len(list_) // 2] for list_ in found), most)]


def test_pixels_are_what_they_should_be(page, folder):
    image = np.rint(cm.read_image(folder / "images" / "portrait-3.png") * 255)
    mattes = [np.rint(read(folder, f"mattes/{method}") * 255) for method in METHODS]
    inside, outside, between = places(folder)
    page.press("9", "5")  # one to one, the photo
    for x, y in (inside, outside, between):
        assert abs(page.pixel(x, y) - image[y, x]).max() <= 1
    for name, level in (("black", 0), ("white", 255)):
        page.press("1")
        page.tab.click(f"[data-backdrop={name}]")
        page.tab.wait_for_timeout(100)
        x, y = outside
        assert (page.pixel(x, y) == level).all()
        x, y = inside
        assert abs(page.pixel(x, y) - image[y, x]).max() <= 2
    page.press("2")
    x, y = between
    for key, expected in (("0", mattes[1]), ("100", mattes[0])):
        page.tab.fill("#wipe", key)
        page.tab.wait_for_timeout(100)
        assert abs(page.pixel(x, y) - expected[y, x]).max() <= 1
    page.press("3")
    amber, blue = page.pixel(x, y)[[0, 2]]
    assert (amber > blue) == (mattes[0][y, x] > mattes[1][y, x])
    page.press("1")
    page.tab.fill("#colour", "#123456")
    page.tab.wait_for_timeout(100)
    assert page.pixel(*outside).tolist() == [0x12, 0x34, 0x56]


def test_deciding_with_the_keyboard(page, folder):
    assert page.text("name") == "portrait-3"
    page.press("a")
    page.wait()
    assert decisions(folder) == [("portrait-3", "closed-form")]
    assert page.text("name") == "portrait-5"
    page.press("u")
    page.wait()
    assert page.text("name") == "portrait-3"
    page.press("b")
    page.wait()
    page.press("x", "2")  # rejected: blurred
    page.wait()
    page.tab.fill("#weight", "25")
    page.tab.fill("#notes", "the left ear")
    page.tab.focus("#stage")
    page.press("m")
    page.wait("done")
    made = ["closed-form", "undo", "knn", "reject", "blend"]
    assert [choice for _, choice in decisions(folder)] == made
    weight = json.loads(rows(folder, "SELECT parameters FROM decisions WHERE choice = 'blend'")[0][0])
    assert weight == {"methods": list(METHODS), "weight": 0.25}
    assert rows(folder, "SELECT text FROM notes") == [("the left ear",)]
    assert rows(folder, "SELECT reason FROM photos WHERE state = 'rejected'") == [("Blurred or noisy",)]
    assert "2 chosen, 1 rejected" in page.text("done-text")
    page.tab.click("#done-undo")
    page.wait()
    assert page.text("name") == "portrait-8"
    assert page.tab.input_value("#notes") == "the left ear"
    page.tab.reload()
    page.wait()
    assert page.text("name") == "portrait-8"
    assert page.text("count") == "2 of 3"


def test_notes_are_saved_while_typing_and_when_the_page_goes(page, folder):
    page.tab.focus("#notes")
    page.tab.keyboard.type("the left ear")
    until(lambda: rows(folder, "SELECT text FROM notes"), lambda found: found == [("the left ear",)])
    page.tab.keyboard.type(" and the right one")
    page.tab.reload()
    page.wait()
    until(
        lambda: rows(folder, "SELECT text FROM notes"),
        lambda found: found[-1:] == [("the left ear and the right one",)],
    )
    page.tab.focus("#notes")
    page.tab.keyboard.type(", too")
    page.tab.focus("#stage")
    page.press("n")
    page.wait()
    page.tab.wait_for_timeout(1200)
    photos = "SELECT DISTINCT name FROM notes JOIN photos ON photos.id = photo"
    assert rows(folder, photos) == [("portrait-3",)], "what was typed belongs to its photo"


def test_a_photo_that_is_not_seen_yet_cannot_be_decided(page, folder):
    held = []
    page.tab.route("**/image?*", lambda route: held.append(route))
    page.press("a", "a", "b", "m", "e", "a")
    page.tab.wait_for_timeout(500)
    page.press("b", "a")
    assert [name for name, _ in decisions(folder)] == ["portrait-3"]
    for route in held:
        route.continue_()
    page.tab.unroute("**/image?*")
    page.wait()
    page.press("b")
    page.wait()
    assert [name for name, _ in decisions(folder)] == ["portrait-3", "portrait-5"]


def test_next_previous_overview_and_help(page, folder):
    page.press("n")
    page.wait()
    assert page.text("name") == "portrait-5"
    page.press("p")
    page.wait()
    assert page.text("name") == "portrait-3"
    page.press("o")
    page.tab.click("#photos >> text=portrait-8")
    page.wait()
    assert page.text("name") == "portrait-8"
    page.press("?")
    assert page.tab.is_visible("#help")
    page.press("a")  # not while the help is open
    page.press("Escape")
    assert not page.tab.is_visible("#help")
    page.press("x")
    page.press("Escape")
    page.tab.focus("#notes")
    page.press("a")  # a letter of the note
    assert decisions(folder) == []


def test_painting_is_solved_live_saved_and_undone(page, folder):
    before, trimap = read(folder, "mattes/closed-form"), read(folder, "trimaps")
    _, _, (x, y) = places(folder)
    page.tab.fill("#wipe", "100")
    page.press("9", "2", "g")
    page.tab.fill("#size", "30")
    page.drag((x, y), (x + 6, y + 6))
    page.idle()
    assert page.tab.input_value("#right") == "edited"
    page.press("v")
    assert (page.pixel(x, y) == 0).all()
    after = until(lambda: read(folder, "trimaps"), lambda found: found[y, x] == 0)
    marked = after != trimap
    assert 20 < marked.sum() < 400
    assert (after[marked] == 0).all()
    edited = until(lambda: read(folder, "mattes/edited"), lambda found: found[y, x] == 0)
    assert (edited[marked] == 0).all()
    moved = (abs(edited - before) > 0.02) & ~marked
    assert moved.any()  # the pixels around follow
    ys, xs = np.nonzero(moved)
    k = abs(edited - before)[ys, xs].argmax()
    assert abs(page.pixel(int(xs[k]), int(ys[k])) - np.rint(255 * edited[ys[k], xs[k]])).max() <= 1
    assert int(page.tab.get_attribute("#stage", "data-latency")) < 5000
    page.press("Control+z")
    page.idle()
    assert abs(page.pixel(x, y) - np.rint(255 * before[y, x])).max() <= 1
    until(lambda: read(folder, "trimaps"), lambda found: np.array_equal(found, trimap))
    assert list((folder / "history").rglob("*.png"))  # what was painted is kept


def test_an_edit_survives_a_reload_and_can_be_chosen(page, folder):
    _, _, (x, y) = places(folder)
    page.press("9", "f")
    page.drag((x, y), (x + 4, y))
    page.idle()
    page.tab.reload()
    page.wait()
    assert page.tab.input_value("#right") == "edited"
    page.press("9", "2")
    page.tab.fill("#wipe", "0")
    page.tab.wait_for_timeout(100)
    assert (page.pixel(x, y) == 255).all()
    page.press("e")
    page.wait()
    assert decisions(folder) == [("portrait-3", "edited")]
    assert read(folder, "mattes/edited")[y, x] == 1


def test_filling(page, folder):
    inside, _, (x, y) = places(folder)
    page.press("9", "2", "g", "l", "v")
    page.drag((x, y))
    page.idle()
    trimap = until(lambda: read(folder, "trimaps"), lambda found: found[y, x] == 0)
    assert (trimap == 255).any()
    assert (page.pixel(x, y) == 0).all()
    page.press("t")
    page.drag(inside)  # all foreground becomes unknown, which the server refuses
    page.tab.wait_for_selector("#toast.bad")
    assert "leaves no foreground" in page.text("toast")
    page.idle()
    assert np.array_equal(read(folder, "trimaps"), trimap)
    page.press("v")
    assert (page.pixel(*inside) == 255).all()
    page.errors = [text for text in page.errors if "422" not in text]


def test_the_refining_brush(page, folder):
    before = read(folder, "mattes/knn")
    _, _, (x, y) = places(folder)
    page.tab.fill("#wipe", "0")
    page.press("9", "2", "r")
    page.tab.fill("#size", "50")
    page.tab.click("[data-refiner=prior]")
    page.drag((x, y), (x + 8, y + 4))
    page.idle()
    edited = until(lambda: read(folder, "mattes/edited"), lambda found: abs(found - before).max() > 0.01)
    moved = abs(edited - before) > 1e-3
    ys, xs = np.nonzero(moved)
    assert abs(ys - y).max() < 40
    assert abs(xs - x).max() < 40
    assert abs(page.pixel(x, y) - np.rint(255 * edited[y, x])).max() <= 1


def until(look, holds, seconds=20):
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            found = look()
            if holds(found):
                return found
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_zooming_and_moving(page):
    start = json.loads(page.tab.get_attribute("#canvas", "data-place"))
    x, y = page.at(100, 100)
    page.tab.mouse.move(x, y)
    page.tab.mouse.wheel(0, -500)
    page.tab.wait_for_timeout(150)
    assert json.loads(page.tab.get_attribute("#canvas", "data-place"))[2] > 2 * start[2]
    assert np.allclose(page.at(100, 100), (x, y), atol=1)
    page.tab.mouse.move(x + 150, y)
    page.tab.mouse.down()
    page.tab.mouse.move(x + 180, y + 20, steps=3)
    page.tab.mouse.up()
    page.tab.wait_for_timeout(100)
    assert np.allclose(page.at(100, 100), (x + 30, y + 20), atol=1.5)
    page.press("0")
    assert np.allclose(json.loads(page.tab.get_attribute("#canvas", "data-place")), start)


def test_everything_has_a_name(page):
    script = """() => [...document.querySelectorAll('button, input, select, textarea, [role=img]')].filter((e) =>
        !(e.getAttribute('aria-label') || e.title || (e.closest('label') || e).textContent.trim())).length"""
    assert page.tab.evaluate(script) == 0


def test_two_people_at_once(page, browser, folder):
    other = Page(browser, page.address)
    other.tab.fill("#reviewer", "Zoë")
    other.tab.press("#reviewer", "Enter")
    other.tab.wait_for_timeout(400)
    other.tab.wait_for_selector("body[data-state=ready]", timeout=PATIENCE)
    page.tab.reload()
    page.wait()
    assert {page.text("name"), other.text("name")} == {"portrait-3", "portrait-5"}
    other.tab.focus("#stage")
    other.press("a")
    other.wait()
    page.press("b")
    page.wait("done")  # the third one is held
    assert sorted(rows(folder, "SELECT reviewer, choice FROM decisions")) == [
        ("Zoë", "closed-form"),
        ("ana", "knn"),
    ]
    other.tab.context.close()


SIZES = {  # the laptop first: its pictures show a project without edits
    "laptop": {"viewport": {"width": 1440, "height": 900}},
    "4k": {"viewport": {"width": 3840, "height": 2160}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
        "device_scale_factor": 2,
    },
}


def test_pictures_for_the_tutorial(browser, tmp_path):
    """At three sizes: nothing is cut off, every control can be reached."""
    pytest.importorskip("fastapi", reason="the review's server needs fastapi")
    folder, shots = tmp_path / "portraits", Path(os.environ.get("CLASSMAT_SCREENSHOTS", tmp_path))
    make_project(folder, {"portrait": cm.gallery.portrait(900, 720, seed=3)})
    with serving(folder) as (_, address):
        for name, options in SIZES.items():
            page = Page(browser, address, **options)
            width = options["viewport"]["width"]
            assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
            for id in (
                "choose-a",
                "choose-blend",
                "choose-b",
                "reject",
                "next",
                "undo",
                "left",
                "right",
                "zoom-in",
            ):
                box = page.tab.query_selector(f"#{id}").bounding_box()
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
                assert box["y"] + box["height"] <= options["viewport"]["height"]
            shoot(page, shots / f"review-{name}.jpg")
            if name == "phone":
                page.tab.tap("#tabs [data-panel=paint]")
                page.tab.tap("[data-tool=background]")
                page.tab.touchscreen.tap(*page.at(100, 560))
                page.idle()
                assert page.tab.input_value("#right") == "edited"
                page.tab.tap("#unpaint")
                page.idle()
            if name == "laptop":
                page.press("3")
                shoot(page, shots / "review-difference.jpg")
                page.press("1", "g")
                page.tab.click("[data-backdrop=picture]")
                page.tab.fill("#size", "45")
                page.tab.fill("#opacity", "30")
                page.drag((140, 400), (120, 470), (95, 560))
                page.idle()
                page.tab.mouse.move(*page.at(150, 480))
                shoot(page, shots / "review-paint.jpg")
                page.press("Control+z", "h")
                page.idle()
            assert page.errors == []
            page.tab.context.close()
    for file in shots.glob("review-*.jpg"):
        assert file.stat().st_size > 20_000


def shoot(page, path):
    page.tab.wait_for_timeout(300)
    page.tab.screenshot(path=str(path), type="jpeg", quality=82)


def test_killed_in_the_middle_twenty_times(tmp_path):
    """What was answered is in the database, and every file is whole: `kill -9` at a random moment."""
    httpx = pytest.importorskip("httpx", reason="the server is driven by httpx")
    pytest.importorskip("fastapi", reason="the review's server needs fastapi")
    folder = tmp_path / "set"
    make_project(folder, {"disc": cm.gallery.disc(60, 80, seed=1), "wedge": cm.gallery.wedge(60, 80, seed=2)})
    rng, promised, strokes = random.Random(5), 0, 0
    for _ in range(20):
        with serving(folder) as (process, address):
            with httpx.Client(base_url=address, timeout=20) as client:
                first = review_something(client, rng)  # kernels are loaded by the first stroke
                promised, strokes = promised + first[0], strokes + first[1]
                threading.Timer(rng.uniform(0.02, 0.7), process.send_signal, [signal.SIGKILL]).start()
                with contextlib.suppress(httpx.TransportError):
                    while True:
                        counts = review_something(client, rng)
                        promised, strokes = promised + counts[0], strokes + counts[1]
            process.wait(10)
        check_whole(folder, promised)
        promised = len(rows(folder, "SELECT id FROM decisions"))  # one more may have been made than was answered
    assert promised >= 30
    assert strokes >= 20


def review_something(client, rng):
    """Paint, decide, sometimes undo; return how many decisions and strokes were answered."""
    id, box = rng.choice([1, 2]), [20, 30, 26, 36]
    answers = [client.post(f"/api/photos/{id}/edit", params={"base": rng.choice(METHODS)})]
    where = dict(zip(("top", "left", "bottom", "right"), box, strict=True))
    answers.append(
        client.post(f"/api/photos/{id}/strokes", params=where, content=bytes([rng.choice([0, 128, 255])]) * 36)
    )
    choice = {"choice": rng.choice(["edited", *METHODS])}
    made = [client.post(f"/api/photos/{id}/decision", json=choice)]
    if rng.random() < 0.5:
        made.append(client.post("/api/undo"))
    assert all(answer.status_code == 200 for answer in (*answers, *made)), [answer.text[:200] for answer in made]
    return len(made), 1


def check_whole(folder, promised):
    with Project.open(folder) as project:
        assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
        assert len(project.decisions()) >= promised
        for photo in project.photos():
            standing = project.decision(photo)
            assert photo.state == ("chosen" if standing else "ready")
            project.read_trimap(photo)
            for method, path in project.candidates(photo).items():
                data = path.read_bytes()
                assert (
                    hashlib.sha256(data).hexdigest() == project.versions.current(photo.id, "matte", method).sha256
                )
                assert project.read_matte(photo, method).shape == (60, 80)
            if standing:
                found = project.versions.find(photo.name, "matte", standing.choice, standing.sha256)
                assert found is not None, "the chosen matte is lost"
    for path in (folder / "history").rglob("*.png"):
        cm.read_matte(path)
