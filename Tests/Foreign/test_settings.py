"""Settings that are wrong end the start with the place and what is allowed; flags go before environment before file."""

import pytest
import redis
from processes import Baud


def start_fails(workshop, *flags, config: str | None = None, **settings) -> str:
    """What a start says that must not succeed."""
    if config is not None:
        path = workshop.folder / "settings.toml"
        path.write_text(config)
        flags = ("--config", path, *flags)
    process = workshop.baud("serve", *flags, **settings)
    assert process.wait_for_end(unless="listening") == 1 or "--no-such-flag" in flags
    process.close()
    return "\n".join(process.lines)


@pytest.mark.parametrize(
    ["config", "place", "allowed"],
    [
        ('[redis]\n\nappendonly = "sometimes"\n', "settings.toml:3: redis.appendonly", "always, everysec, no"),
        ("[worker]\nconcurrency = 0\n", "settings.toml:2: worker.concurrency = 0", "from 1 to 10000"),
        ('[worker]\nconcurrency = "many"\n', "settings.toml:2: worker.concurrency", "from 1 to 10000"),
        ("[worker]\nheartbeat_ms = 9000\n", "settings.toml:2: worker.heartbeat_ms", "half of worker.lease_ms"),
        ('[log]\nlevel = "loud"\n', "settings.toml:2: log.level", "trace, debug, info"),
        ("\n[server]\nport = 80\n", "settings.toml:3: server.port", "listen"),
        ("\n\n[servers]\nlisten = 1\n", "settings.toml:4: servers.listen", ""),
        ('[cors]\norigins = ["*"]\ncredentials = true\n', "settings.toml:3: cors.credentials", "must be false"),
        ('[sandbox]\nprovider = "jail"\n', "settings.toml:2: sandbox.provider", "auto, bubblewrap, none"),
        ('[llm.providers.mine]\nkind = "other"\nbase_url = "http://a"\n', "settings.toml:2:", "anthropic, openai"),
        ("[redis\n", "settings.toml:1", ""),
        ("a = 1\na = 2\n", "settings.toml:2", ""),
    ],
)
def test_a_value_in_the_file(workshop, config, place, allowed):
    # The environment would go before the file.
    output = start_fails(workshop, config=config, BAUD_SANDBOX_PROVIDER=None)
    assert place in output and allowed in output


def test_all_that_is_wrong_is_told_at_once(workshop):
    output = start_fails(workshop, config='[log]\nlevel = "loud"\nformat = "xml"\n', BAUD_WORKER_CONCURRENCY="x")
    assert "settings.toml:2" in output and "settings.toml:3" in output and "BAUD_WORKER_CONCURRENCY" in output


@pytest.mark.parametrize(
    ["name", "value", "allowed"],
    [
        ("BAUD_SERVER_LISTEN", "nowhere", "host:port"),
        ("BAUD_SERVER_LISTEN", "127.0.0.1:70000", "host:port"),
        ("BAUD_WORKER_CONCURRENCY", "1.5", "from 1 to 10000"),
        ("BAUD_CORS_CREDENTIALS", "maybe", "true, false"),
        ("BAUD_REDIS_APPENDONLY", "", "always, everysec, no"),
    ],
)
def test_a_value_in_the_environment(workshop, name, value, allowed):
    output = start_fails(workshop, **{name: value})
    assert name in output and allowed in output


@pytest.mark.parametrize(
    ["flag", "value", "said"],
    [
        ("--listen", "nowhere", "host:port"),
        ("--log-level", "loud", "trace, debug"),
        ("--redis-appendonly", "maybe", "always, everysec, no"),
        ("--redis-url", "http://127.0.0.1", "redis"),
        ("--no-such-flag", "1", "no-such-flag"),
        ("--config", "/no/such/file.toml", "/no/such/file.toml"),
    ],
)
def test_a_flag(workshop, flag, value, said):
    assert said in start_fails(workshop, flag, value)


def test_a_role_on_its_own_needs_a_redis(workshop):
    for role in ("gateway", "modem"):
        process = workshop.baud(role)
        assert process.wait_for_end(unless="listening") == 1
        process.close()
        assert any("redis.url" in line for line in process.lines)


def test_a_redis_that_is_not_there_ends_the_start(workshop):
    assert "no-such.sock" in start_fails(workshop, "--redis-url", "unix:///no-such.sock")


def test_a_default_model_that_does_not_exist(workshop):
    redis_server = workshop.redis()
    assert "agent.model" in start_fails(workshop, "--redis-url", redis_server.url, BAUD_AGENT_MODEL="nobody/large")


def test_a_failed_start_does_not_leave_its_private_redis_running(workshop):
    socket = workshop.folder / "data/redis/redis.sock"
    try:
        start_fails(workshop, BAUD_AGENT_MODEL="nobody/large")
    finally:
        with redis.Redis(unix_socket_path=str(socket)) as leftover:
            try:
                leftover.shutdown(nosave=True)
            except redis.ConnectionError:
                pass


def test_a_port_that_is_taken(workshop):
    first = workshop.baud("serve")
    output = start_fails(workshop, "--listen", first.address, BAUD_DATA_DIR=workshop.folder / "other")
    assert first.address in output or "in use" in output.lower()


def test_flags_before_environment_before_file(workshop):
    redis = workshop.redis()
    path = workshop.folder / "settings.toml"
    path.write_text('[server]\nlisten = "127.0.0.2:0"\n')

    def host(*flags, **settings):
        process = Baud("gateway", workshop.folder, "--redis-url", redis.url, *flags, **settings)
        workshop.keep(process)
        return process.address.rsplit(":", 1)[0]

    in_file = ("--config", path)
    assert host(*in_file, "--listen", "127.0.0.4:0", BAUD_SERVER_LISTEN="127.0.0.3:0") == "127.0.0.4"
    assert host(*in_file, BAUD_SERVER_LISTEN="127.0.0.3:0") == "127.0.0.3"
    assert host(BAUD_CONFIG=path, BAUD_SERVER_LISTEN="127.0.0.5:0") == "127.0.0.5"
    assert host(*in_file, BAUD_SERVER_LISTEN=None) == "127.0.0.2"


def test_the_file_of_the_folder_is_taken(workshop):
    (workshop.folder / "config.toml").write_text('[log]\nlevel = "loud"\n')
    assert "config.toml:2: log.level" in start_fails(workshop)


def test_only_loopback_is_served_without_authentication_outside_a_local_installation(workshop):
    # An address of no machine (RFC 5737): whatever the settings allow, nothing listens to the world here.
    output = start_fails(workshop, "--listen", "192.0.2.1:0", ENV="production")
    assert "auth" in output
