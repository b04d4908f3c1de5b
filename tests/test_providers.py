"""Which model the settings open, and what is told where they open none."""

import pytest
from asking import WHOLE, opened, reply
from fault_server import (
    FaultServer,
    completion,
)

from simulator.errors import (
    ConfigurationError,
)
from simulator.models import open_model
from simulator.settings import Settings


@pytest.mark.parametrize(
    "address",
    [
        "models.example/v1",
        "localhost:8080/v1",
        "ftp://models.example",
        "http://",
        "http://h:port/v1",
        "http://[::1/v1",
    ],
)
def test_an_address_that_is_none_is_told_before_any_call(address: str) -> None:
    with pytest.raises(ConfigurationError, match="SIMULATOR_BASE_URL"):
        open_model(Settings(model="fake", base_url=address))


def test_an_address_without_a_model_is_told_before_any_call() -> None:
    with pytest.raises(ConfigurationError, match="SIMULATOR_MODEL"):
        open_model(Settings(base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize("name", ["nonsense", "nobody:model", "openai:gpt-none"])
def test_a_model_that_no_provider_here_serves_is_told_before_any_call(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match=f"SIMULATOR_MODEL={name}"):
        open_model(Settings(model=name))


def test_the_host_is_named_so_that_a_page_can_say_where_answers_go() -> None:
    with FaultServer() as server:
        model = opened(server)
    assert (model.name, model.host, model.process_id) == ("fake", "127.0.0.1", None)


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultServer(completion("from afar")) as proxy, FaultServer(completion(WHOLE)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert reply(opened(server)) == WHOLE
    assert not proxy.requests
