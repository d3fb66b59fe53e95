"""The review's server: decisions, strokes, who may ask, what is refused."""

import hashlib
import sqlite3
import threading
import time
import warnings

import numpy as np
import pytest

import classmat as cm
from classmat.annotate.project import Conflict, Project

pytest.importorskip("fastapi", reason="the review's server needs fastapi")
pytest.importorskip("httpx", reason="its test client needs httpx")

with warnings.catch_warnings():  # newer Starlettes want the successor of httpx, older ones do not know it
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from classmat.annotate.review import desk as desks
from classmat.annotate.review.access import cookie_name
from classmat.annotate.review.desk import Desk, Edit
from classmat.annotate.review.server import create_app

HOME = "http://127.0.0.1:8765"
SCENES = {"disc": cm.gallery.disc(48, 64, seed=1), "wedge": cm.gallery.wedge(40, 56, seed=2)}


def in_the_band(k):
    """A box of 4 x 4 that is all unknown in the trimap of the disc; another one for every k."""
    unknown = SCENES["disc"].trimap == 128
    inner = unknown[:-3, :-3] & unknown[3:, 3:] & unknown[3:, :-3] & unknown[:-3, 3:]
    y, x = np.argwhere(inner)[(k * 97) % inner.sum()]
    return int(y), int(x), int(y) + 4, int(x) + 4


BOX, OTHER = in_the_band(1), in_the_band(2)
HERE, THERE = (np.s_[box[0] : box[2], box[1] : box[3]] for box in (BOX, OTHER))


@pytest.fixture(scope="module")
def mattes():
    return {
        (name, method): cm.METHODS[method](scene.image, scene.trimap)
        for name, scene in SCENES.items()
        for method in ("closed-form", "knn")
    }


@pytest.fixture
def project(tmp_path, mattes):
    with Project.create(tmp_path / "set") as project:
        for name, scene in SCENES.items():
            file = tmp_path / "set" / "images" / f"{name}.png"
            cm.write_image(file, scene.image)
            h, w = scene.alpha.shape
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            photo = project.add_photo(name, f"images/{name}.png", sha256=digest, width=w, height=h)
            project.write_trimap(photo, scene.trimap, "setup")
            for method in ("closed-form", "knn"):
                project.write_matte(photo, method, mattes[name, method], parameters={})
        yield project


@pytest.fixture
def client(project):
    with TestClient(create_app(project, reviewer="ana"), base_url=HOME, raise_server_exceptions=False) as client:
        yield client


def rows(project, statement):
    with sqlite3.connect(project.root / "project.sqlite") as connection:
        return connection.execute(statement).fetchall()


def stroke(client, id, box, label, **options):
    top, left, bottom, right = box
    where = {"top": top, "left": left, "bottom": bottom, "right": right}
    content = bytes([label]) * ((bottom - top) * (right - left))
    return client.post(f"/api/photos/{id}/strokes", params=where, content=content, **options)


# Photos


def test_the_page_and_all_it_needs_come_from_here(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in ("page.css", "page.js", "view.js", "brush.js", "server.js", "icon.svg"):
        answer = client.get(f"/{name}")
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text


def test_pictures_are_the_projects(client, project):
    photo = project.photos()[0]
    told = client.get(f"/api/photos/{photo.id}").json()
    image = decoded(client.get(f"/api/photos/{photo.id}/image", params={"v": told["version"]}))
    assert np.array_equal(image, np.rint(project.read_image(photo) * 255))
    alpha = decoded(client.get(f"/api/photos/{photo.id}/mattes/knn"))
    assert abs(alpha / 255 - project.read_matte(photo, "knn")).max() <= 0.5 / 255 + 1e-6
    trimap = decoded(client.get(f"/api/photos/{photo.id}/trimap"))
    assert np.array_equal(trimap, project.read_trimap(photo))
    colours = decoded(client.get(f"/api/photos/{photo.id}/foregrounds/closed-form"))
    alpha = project.read_matte(photo, "closed-form")
    expected, _ = cm.estimate_foreground(project.read_image(photo), alpha)
    assert abs(colours / 255 - expected).max() < 0.51 / 255 + 1e-6


def decoded(response):
    import cv2

    assert response.status_code == 200
    array = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_UNCHANGED)
    return array[:, :, ::-1] if array.ndim == 3 else array


def test_only_addresses_with_the_hash_are_kept_by_the_browser(client, project):
    photo = project.photos()[0]
    right = client.get(f"/api/photos/{photo.id}/image", params={"v": photo.sha256})
    assert "immutable" in right.headers["cache-control"]
    for path in ("image?v=wrong", "trimap", ""):
        assert client.get(f"/api/photos/{photo.id}/{path}".rstrip("/")).headers["cache-control"] == "no-store"


def test_photos_are_listed_around_one(client, project, monkeypatch):
    from classmat.annotate.review import photos

    first, second = project.photos()
    assert [photo["name"] for photo in client.get("/api/photos").json()] == [first.name, second.name]
    monkeypatch.setattr(photos, "LISTED", 1)
    for photo in (first, second):
        assert client.get("/api/photos", params={"around": photo.id}).json()[0]["id"] == photo.id


# Decisions


def test_a_decision_is_on_disk_before_the_answer(client, project):
    photo = client.post("/api/claim").json()
    told = client.post(f"/api/photos/{photo['id']}/decision", json={"choice": "knn", "notes": "fine hair"}).json()
    assert told["state"] == "chosen"
    assert told["decision"]["choice"] == "knn"
    assert rows(project, "SELECT photo, choice, reviewer FROM decisions") == [(photo["id"], "knn", "ana")]
    assert rows(project, "SELECT text FROM notes") == [("fine hair",)]
    assert client.post("/api/claim").json()["id"] != photo["id"]


def test_blend_reject_and_the_end(client, project):
    first, second = (photo.id for photo in project.photos())
    blend = {"choice": "blend", "parameters": {"methods": ["closed-form", "knn"], "weight": 0.25}}
    assert client.post(f"/api/photos/{first}/decision", json=blend).status_code == 200
    photo = project.photo(first)
    mean = 0.25 * project.read_matte(photo, "closed-form") + 0.75 * project.read_matte(photo, "knn")
    assert abs(project.read_matte(photo, "blend") - mean).max() < 1e-4
    reject = {"choice": "reject", "parameters": {"reason": "both are wrong"}}
    assert client.post(f"/api/photos/{second}/decision", json=reject).json()["reason"] == "both are wrong"
    assert client.post("/api/claim").json() is None
    assert client.get("/api/project").json()["counts"]["chosen"] == 1


def test_undo_takes_back_the_last_decision_of_the_reviewer(client, project):
    first, second = (photo.id for photo in project.photos())
    for id, name in ((first, "ana"), (second, "ana"), (first, "ben")):
        given = {"choice": "knn", "overrule": True}
        client.post(f"/api/photos/{id}/decision", json=given, headers={"x-reviewer": name})
    assert client.post("/api/undo").json()["id"] == second  # the decision about the first is ben's
    assert client.post("/api/undo").status_code == 422
    assert project.photo(first).state == "chosen"
    assert project.photo(second).state == "ready"
    assert [row[0] for row in rows(project, "SELECT choice FROM decisions ORDER BY id")] == ["knn"] * 3 + ["undo"]


def test_two_reviewers_get_different_photos(client):
    photos = [client.post("/api/claim", headers={"x-reviewer": name}).json() for name in ("ana", "Zo%C3%AB")]
    assert photos[0]["id"] != photos[1]["id"]
    assert photos[1]["holder"] == "Zoë"
    assert client.post("/api/claim", headers={"x-reviewer": "cy"}).json() is None
    other = client.post(f"/api/photos/{photos[0]['id']}/hold", headers={"x-reviewer": "cy"})
    assert other.status_code == 409
    assert "held by ana" in other.json()["error"]
    cy = {"x-reviewer": "cy"}
    answer = client.post(f"/api/photos/{photos[0]['id']}/decision", json={"choice": "knn"}, headers=cy)
    assert answer.status_code == 409
    client.post(f"/api/photos/{photos[0]['id']}/release")
    assert client.post("/api/claim", headers={"x-reviewer": "cy"}).json()["id"] == photos[0]["id"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"choice": "magic"}, "has no matte 'magic'"),
        ({"choice": "../../secret"}, "accepted are small letters"),
        ({"choice": "reject"}, "needs a reason"),
        ({"choice": "blend"}, "methods"),
        ({"choice": "knn", "extra": 1}, "extra"),
        ({}, "choice"),
        ([1], "the request"),
    ],
)
def test_bad_decisions_get_a_sentence_and_leave_nothing(client, project, given, sentence):
    answer = client.post(f"/api/photos/{project.photos()[0].id}/decision", json=given)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert rows(project, "SELECT * FROM decisions") == []


# Strokes


def test_a_stroke_is_solved_shown_and_kept(client, project, mattes):
    id = project.photos()[0].id
    whole = client.post(f"/api/photos/{id}/edit", params={"base": "closed-form"})
    box, alpha, _ = unpacked(whole)
    assert box == [0, 0, 48, 64]
    assert abs(alpha.reshape(48, 64) / 255 - mattes["disc", "closed-form"]).max() < 0.51 / 255
    answer = stroke(client, id, BOX, 0)
    assert answer.status_code == 200
    (top, left, bottom, right), alpha, _ = unpacked(answer)
    part = alpha.reshape(bottom - top, right - left)
    assert (part[BOX[0] - top : BOX[2] - top, BOX[1] - left : BOX[3] - left] == 0).all()
    told = client.post(f"/api/photos/{id}/decision", json={"choice": "edited"}).json()
    assert told["decision"]["choice"] == "edited"
    photo = project.photo(id)
    assert (project.read_trimap(photo)[HERE] == 0).all()
    assert (project.read_matte(photo, "edited")[HERE] == 0).all()
    version = project.versions.current(id, "matte", "edited")
    assert version.parameters["base"] == "closed-form"
    assert version.parameters["strokes"] == 1
    assert abs(project.read_matte(photo, "closed-form") - mattes["disc", "closed-form"]).max() < 1e-4


def unpacked(response):
    import json

    box = json.loads(response.headers["x-patch"])["box"]
    n = (box[2] - box[0]) * (box[3] - box[1])
    data = np.frombuffer(response.content, np.uint8)
    assert len(data) == 5 * n
    return box, data[:n], data[n:]


def test_strokes_are_written_without_being_asked_and_survive_the_server(project):
    id = project.photos()[0].id
    with TestClient(create_app(project, reviewer="ana"), base_url=HOME) as client:
        client.post(f"/api/photos/{id}/edit", params={"base": "knn"})
        stroke(client, id, BOX, 0)
        until(lambda: (project.read_trimap(project.photo(id))[HERE] == 0).all())
    photo = project.photo(id)
    before = project.read_matte(photo, "edited")
    assert not project.is_stale(photo, "edited")
    with TestClient(create_app(project, reviewer="ana"), base_url=HOME) as client:
        whole = unpacked(client.post(f"/api/photos/{id}/current"))
    assert abs(whole[1].reshape(before.shape) / 255 - before).max() < 0.51 / 255


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_matte_older_than_its_trimap_is_brought_up_to_date(project):
    """As after a kill between a stroke's trimap and its matte."""
    photo = project.photos()[0]
    edit = Edit(project, photo, "ana", "closed-form")
    edit.change(lambda live: live.paint(BOX, np.zeros((4, 4), np.uint8)))
    edit.save()
    trimap = project.read_trimap(photo)
    trimap[THERE] = 0
    project.write_trimap(photo, trimap, "ana")
    assert project.is_stale(photo, "edited")
    again = Edit(project, photo, "ana", "edited")
    assert (again.live.alpha[THERE] == 0).all()
    assert abs(again.live.alpha - cm.closed_form_matting(project.read_image(photo), trimap)).max() < 0.02


def painted(desk, photo, reviewer, where, label):
    edit = desk.begin(photo, reviewer, "closed-form")
    edit.change(lambda live: live.paint(where, np.full((4, 4), label, np.uint8)), counts="strokes")
    return edit


def test_strokes_are_kept_while_the_disk_is_full(project, monkeypatch):
    photo, other = project.photos()
    desk, full = Desk(project), OSError(28, "No space left on device")
    monkeypatch.setattr(desks, "OPEN", 1)
    monkeypatch.setattr(Edit, "_later", lambda self: None)
    painted(desk, photo, "ana", BOX, 0)
    with monkeypatch.context() as patch:
        patch.setattr(project, "write_trimap", lambda *_, **__: (_ for _ in ()).throw(full))
        with pytest.raises(OSError, match="No space"):
            desk.put_away(photo, "ana")
        desk.begin(other, "bob", "knn")
        desk.close()
    desk.put_away(photo, "ana")
    assert (project.read_trimap(photo)[HERE] == 0).all()
    assert (project.read_matte(photo, "edited")[HERE] == 0).all()


def test_what_another_reviewer_wrote_is_gone_on_with(project, monkeypatch):
    monkeypatch.setattr(Edit, "_later", lambda self: None)
    photo, desk = project.photos()[0], Desk(project)
    painted(desk, photo, "ana", BOX, 0)
    desk.save(photo, "ana")
    assert desk.edit(photo, "ana") is desk.begin(photo, "ana", "edited"), "her own writing changes nothing"
    painted(desk, photo, "bob", OTHER, 255)
    desk.put_away(photo, "bob")
    for again in (desk.edit(photo, "ana"), desk.begin(photo, "ana", "edited")):
        assert (again.live.trimap[THERE] == 255).all()
        assert (again.live.alpha[THERE] == 1).all()


def test_strokes_on_a_photo_that_another_one_has_go_to_the_history(project, monkeypatch):
    monkeypatch.setattr(Edit, "_later", lambda self: None)
    photo, desk = project.photos()[0], Desk(project)
    painted(desk, photo, "ana", BOX, 0)
    project.hold(photo, "bob")
    with pytest.raises(Conflict, match="held by bob"):
        desk.put_away(photo, "ana")
    desk.put_away(photo, "ana")
    (kept,) = project.root.glob("history/mattes/edited/*.png")
    assert (cm.read_matte(kept)[HERE] == 0).all()
    assert "edited" not in project.candidates(photo)


def test_undoing_a_stroke_refining_and_solving_all(client, project):
    id = project.photos()[0].id
    first = client.post(f"/api/photos/{id}/edit", params={"base": "closed-form"}).content
    stroke(client, id, BOX, 0)
    refine = {"top": 10, "left": 10, "bottom": 40, "right": 40, "method": "prior", "detail": 0.5}
    answer = client.post(f"/api/photos/{id}/refinements", params=refine, content=bytes([255]) * 900)
    assert answer.status_code == 200
    for _ in range(2):
        assert client.post(f"/api/photos/{id}/unpaint").status_code == 200
    assert client.post(f"/api/photos/{id}/unpaint").status_code == 204
    assert client.post(f"/api/photos/{id}/settle").status_code == 204
    assert client.post(f"/api/photos/{id}/current").content == first
    whole = unpacked(client.post(f"/api/photos/{id}/solve"))[1].reshape(48, 64)
    photo = project.photo(id)
    expected = cm.closed_form_matting(project.read_image(photo), project.read_trimap(photo))
    assert abs(whole / 255 - expected).max() < 0.51 / 255 + 1e-4


def test_a_trimap_of_the_wrong_size_gets_one_sentence(client, project):
    import cv2

    photo = project.photos()[0]
    before = project.read_trimap(photo)
    wrong = cv2.imencode(".png", np.zeros((10, 20), np.uint8) + np.arange(0, 20, dtype=np.uint8) * 13)[1].tobytes()
    for data in (wrong, b"no picture", b"", wrong[:40]):
        answer = client.put(f"/api/photos/{photo.id}/trimap", content=data)
        assert answer.status_code == 422, answer.text
        assert "/" not in answer.json()["error"]
    assert "64 x 48" in client.put(f"/api/photos/{photo.id}/trimap", content=wrong).json()["error"]
    assert np.array_equal(project.read_trimap(photo), before)
    right = cv2.imencode(".png", before)[1].tobytes()
    assert client.put(f"/api/photos/{photo.id}/trimap", content=right).status_code == 200


@pytest.mark.parametrize(
    ("box", "count", "sentence"),
    [
        ((0, 0, 4, 4), 15, "trimap has 15 pixels, but its box 4x4"),
        ((0, 0, 4, 400), 1600, "within 48x64"),
        ((-1, 0, 4, 4), 20, "within 48x64"),
        ((4, 0, 4, 4), 0, "within 48x64"),
        ((0, 0, 48, 64), 48 * 64, "leaves no foreground"),
    ],
)
def test_bad_strokes_get_a_sentence(client, project, box, count, sentence):
    id = project.photos()[0].id
    client.post(f"/api/photos/{id}/edit", params={"base": "knn"})
    where = dict(zip(("top", "left", "bottom", "right"), box, strict=True))
    answer = client.post(f"/api/photos/{id}/strokes", params=where, content=bytes(count))
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]
    where["top"] = "x"
    assert client.post(f"/api/photos/{id}/strokes", params=where, content=b"").json()["error"].startswith("top: ")


def test_a_long_solve_does_not_hold_up_others(client, project, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def slow(live):
        begun.set()
        assert may_end.wait(20)
        return real(live)

    from classmat.annotate.live import LiveMatte

    real = LiveMatte.solve
    id, other = (photo.id for photo in project.photos())
    client.post(f"/api/photos/{id}/edit", params={"base": "knn"})
    monkeypatch.setattr(LiveMatte, "solve", slow)
    thread = threading.Thread(target=lambda: client.post(f"/api/photos/{id}/solve"))
    thread.start()
    assert begun.wait(20)
    assert client.get("/api/project").status_code == 200
    ben = {"x-reviewer": "ben"}
    assert client.post(f"/api/photos/{other}/decision", json={"choice": "knn"}, headers=ben).status_code == 200
    may_end.set()
    thread.join(20)
    assert not thread.is_alive()


# Who may ask


@pytest.mark.parametrize(
    "path",
    [
        "/..%2f..%2fproject.sqlite",
        "/%2e%2e/project.sqlite",
        "/project.sqlite",
        "/page.css%00",
        "/..%5c..%5cproject.sqlite",
        "//etc/passwd",
        "/api/photos/..%2f..%2fother/image",
        "/api/photos/%2e%2e%2f1/image",
        "/api/photos/1/mattes/..%2f..%2ftrimaps%2fdisc",
        "/api/photos/1/mattes/%2e%2e",
        "/api/photos/1/mattes/..%252f..%252fproject.sqlite",
        "/api/photos/1/mattes/knn%2f..%2f..%2f..%2f..%2fother%2fmattes%2fknn%2fx.png",
        "/api/photos/1/foregrounds/%2fetc%2fpasswd",
        "/api/photos/999/image",
        "/api/photos/-1/image",
        "/api/photos/99999999999999999999999/image",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_is_not_the_projects_is_refused(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert "error" in answer.json()


def test_a_photo_that_became_a_link_out_of_the_project_is_refused(client, project, tmp_path):
    cm.write_image(tmp_path / "secret.png", np.zeros((48, 64, 3)))
    photo = project.photos()[0]
    path = project.root / "images" / "disc.png"
    path.unlink()
    path.symlink_to(tmp_path / "secret.png")
    answer = client.get(f"/api/photos/{photo.id}/image")
    assert answer.status_code == 422
    assert "leaves the project" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8765"},
        {"host": "127.0.0.1.evil.example:8765"},
        {"host": ""},
        {"host": "[::1].evil.example"},
        {"host": "localhost:8765@evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/claim"), ("GET", "/api/photos/1/image"), ("GET", "/")]
)
def test_other_sites_cannot_drive_it(client, project, headers, method, path):
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == 403
    assert rows(project, "SELECT * FROM photos WHERE holder IS NOT NULL") == []


def test_the_page_itself_may(client):
    own = {"origin": HOME, "sec-fetch-site": "same-origin"}
    assert client.post("/api/claim", headers=own).status_code == 200
    assert (
        client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}).status_code == 200
    )
    for host in ("localhost:8765", "[::1]:8765", "127.0.0.2", "localhost"):
        assert client.get("/", headers={"host": host}).status_code == 200


def test_a_token_is_needed_where_there_is_one(project):
    base = "http://studio.example:8765"
    app = create_app(project, reviewer="ana", token="correct-horse")
    with TestClient(app, base_url=base, follow_redirects=False) as client:
        for path in ("/", "/page.js", "/api/project", "/?token=wrong", "/api/project?token=correct-horse"):
            assert client.get(path).status_code == 403, path
        assert client.post("/api/claim", headers={"authorization": "Bearer wrong"}).status_code == 403
        assert client.get("/api/project", headers={"authorization": "Bearer correct-horse"}).status_code == 200
        answer = client.get("/?token=correct-horse")
        assert answer.status_code == 303
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=Strict" in answer.headers["set-cookie"]
        assert client.cookies[cookie_name("correct-horse")] == "correct-horse"
        assert client.get("/api/project").status_code == 200
        assert client.post("/api/claim", headers={"origin": "http://evil.example"}).status_code == 403
        assert client.post("/api/claim", headers={"origin": base}).status_code == 200


def test_cookies_of_other_services_do_no_harm(project):
    app = create_app(project, reviewer="ana", token="correct-horse")
    own = f"{cookie_name('correct-horse')}=correct-horse"
    with TestClient(app, base_url="http://studio.example:8765") as client:
        for cookie in (f'prefs={{"a": "b, c"}}; {own}', f"{own}; [x]=1; ;=", f'bad"name=1;{own}'):
            assert client.get("/api/project", headers={"cookie": cookie}).status_code == 200, cookie
        wrong = f"{cookie_name('correct-horse')}=wrong"
        assert client.get("/api/project", headers={"cookie": wrong}).status_code == 403


def test_the_matte_that_was_shown_is_the_one_that_is_chosen(client, project):
    photo = project.photos()[0]
    shown = client.get(f"/api/photos/{photo.id}").json()["mattes"][1]
    project.write_matte(photo, shown["method"], np.zeros((photo.height, photo.width)), parameters={})
    given = {"choice": shown["method"], "version": shown["version"]}
    assert client.post(f"/api/photos/{photo.id}/decision", json=given).status_code == 409
    assert project.decision(photo) is None


def test_names_of_reviewers_are_checked(client):
    assert client.post("/api/claim", headers={"x-reviewer": "a%0Ab"}).status_code == 422
    assert client.post("/api/claim", headers={"x-reviewer": "%20" * 3}).status_code == 422
