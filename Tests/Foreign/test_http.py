"""REST over both versions of HTTP, verbs without a body, and CORS."""

import subprocess

import pytest
from clients import AGENT
from conftest import ORIGIN


@pytest.fixture(scope="module")
def over_http2(session_workshop, server):
    return session_workshop.rest(server, http1=False, http2=True)


def test_rest_over_http2(over_http2, rest):
    thread, run, events = over_http2.finished("words=3")
    assert over_http2.http.get("/health").http_version == "HTTP/2"
    assert rest.events(thread, run) == events
    assert over_http2.run(thread, run) == rest.run(thread, run)
    assert over_http2.http.delete(f"{AGENT}/{thread}").status_code == 200


def test_curl_with_prior_knowledge(server):
    address = f"http://{server.address}/health"
    options = ["-sS", "--max-time", "10", "--http2-prior-knowledge", "-w", "\n%{http_version} %{http_code}"]
    output = subprocess.run(["curl", *options, address], check=True, capture_output=True, text=True).stdout
    body, result = output.rsplit("\n", 1)
    assert result == "2 200" and '"status":"ok"' in body


def test_many_requests_on_one_connection(rest):
    threads = [rest.new_thread(number=str(number)) for number in range(50)]
    assert [rest.thread(thread)["metadata"]["number"] for thread in threads] == [str(number) for number in range(50)]


def test_health(rest):
    answer = rest.http.get("/health")
    assert answer.status_code == 200
    health = answer.json()
    assert (health["status"], health["redis"], health["config"]) == ("ok", "ok", "ok")
    assert health["workers"] >= 1 and health["version"]


def test_the_root_says_what_this_is_to_every_kind_of_request(rest, over_http2):
    for client in (rest, over_http2):
        for answer in (client.http.get("/"), client.http.post("/", content=b"anything"), client.http.get("/?a=b")):
            assert answer.status_code == 200 and answer.json()["name"] == "baud"
        assert all(client.http.get(link).status_code == 200 for link in answer.json()["links"].values())
        assert "POST" in client.http.options("/").headers["allow"]


@pytest.mark.parametrize("path", ["/", "/health", AGENT, f"{AGENT}/no-such-thread"])
def test_head_is_get_without_the_body(rest, over_http2, path):
    for client in (rest, over_http2):
        get, head = client.http.get(path), client.http.head(path)
        assert head.content == b"" and head.status_code == get.status_code
        assert head.headers["content-type"] == get.headers["content-type"]


def test_the_connection_is_of_use_after_head(rest):
    for _ in range(3):
        assert rest.http.head("/health").status_code == 200
        assert rest.http.get("/health").json()["status"] == "ok"


def test_options(rest):
    answer = rest.http.options(f"{AGENT}/initiate")
    assert answer.status_code == 204 and answer.content == b""
    assert set(answer.headers["allow"].split(", ")) >= {"POST", "OPTIONS"}


def test_options_names_the_verbs_of_this_path(rest):
    assert set(rest.http.options("/health").headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_options_of_an_unknown_path(rest):
    assert rest.http.options("/nothing").status_code == 404


def test_every_answer_has_an_id_of_its_own(rest):
    ids = {rest.http.get("/health").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


# CORS

PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


def test_a_preflight(rest):
    answer = rest.http.options(f"{AGENT}/initiate", headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {"GET", "POST", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    allowed = set(answer.headers["access-control-allow-headers"].lower().split(", "))
    assert {"content-type", "authorization", "idempotency-key", "last-event-id"} <= allowed
    assert answer.headers["access-control-max-age"] == "600"
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://other.example", "http://app.example", "https://app.example.other", "null"])
def test_a_preflight_of_another_origin_is_allowed_nothing(rest, origin):
    answer = rest.http.options(f"{AGENT}/initiate", headers=PREFLIGHT | {"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    ["verb", "path", "status"],
    [
        ("GET", "/health", 200),
        ("GET", f"{AGENT}/no-such-thread", 404),
        ("PUT", "/health", 405),
        ("GET", "/nothing", 404),
        ("POST", f"{AGENT}/x/execute", 400),
        ("GET", f"{AGENT}/no-such-thread/stream", 404),
    ],
)
def test_answers_carry_the_headers_errors_too(rest, verb, path, status):
    answer = rest.http.request(verb, path, headers={"Origin": ORIGIN})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "origin" in answer.headers["vary"].lower()
    other = rest.http.request(verb, path, headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


def test_a_stream_carries_the_headers(rest, forty_words):
    path = f"{AGENT}/{forty_words[0]}/stream?run_id={forty_words[1]}"
    with rest.http.stream("GET", path, headers={"Origin": ORIGIN}) as answer:
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        answer.read()


@pytest.fixture(scope="module")
def gateways(module_workshop):
    """Gateways with other settings, by what `cors.origins` and `cors.credentials` are."""
    redis = module_workshop.redis()

    def start(**settings):
        return module_workshop.rest(module_workshop.baud("gateway", "--redis-url", redis.url, **settings))

    return start


def test_no_origins_no_headers(gateways):
    client = gateways()
    for answer in (client.http.options("/health", headers=PREFLIGHT), client.http.get("/health", headers=PREFLIGHT)):
        assert not [name for name in answer.headers if name.startswith("access-control-allow-origin")]


def test_all_origins(gateways):
    client = gateways(BAUD_CORS_ORIGINS="*")
    answer = client.http.get("/health", headers={"Origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_several_origins_with_credentials(gateways):
    origins = "https://one.example,https://two.example:8443"
    client = gateways(BAUD_CORS_ORIGINS=origins, BAUD_CORS_CREDENTIALS="true", BAUD_CORS_MAX_AGE_SECONDS=5)
    for origin in origins.split(","):
        answer = client.http.options("/health", headers=PREFLIGHT | {"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-max-age"] == "5"
