"""Opens the model that the settings name: the embedded server, an OpenAI-compatible address, or another provider."""

import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai

from simulator import local_model
from simulator.errors import ConfigurationError
from simulator.models.chat import ChatModel
from simulator.settings import EMBEDDED, Settings, stays_here

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

# Whatever the environment says: LangChain would send each request to a tracing service as well, and the client would
# write it into a log.
os.environ["LANGSMITH_TRACING_V2"] = "false"
logging.getLogger("openai").setLevel(logging.INFO)


def open_model(settings: Settings) -> ChatModel:
    """Make the model that the settings name; starts the embedded server where that is the one."""
    if settings.model == EMBEDDED and not settings.base_url:
        weights = local_model.checked_weights(settings.cache_dir, settings.model_file)
        endpoint = local_model.serve(
            weights, settings.context_tokens, settings.threads, settings.cache_dir / "logs" / "model.log"
        )
        chat = _openai_compatible("embedded", endpoint.base_url, endpoint.key, settings.call_timeout_seconds)
        return ChatModel(chat, weights.stem, settings.call_timeout_seconds, host="", endpoint=endpoint)
    key = settings.api_key.get_secret_value()
    if settings.base_url:
        if settings.model == EMBEDDED:
            raise ConfigurationError("SIMULATOR_BASE_URL is set without SIMULATOR_MODEL.", "Name the model too.")
        host = _host_of(settings.base_url)
        chat = _openai_compatible(settings.model, settings.base_url, key or "none", settings.call_timeout_seconds)
        return ChatModel(chat, settings.model, settings.call_timeout_seconds, host=host, places=settings.live_calls)
    return _any_provider(settings, key)


def _host_of(base_url: str) -> str:
    """The host of a web address. Raises ConfigurationError without showing it: there may be a password."""
    try:
        address = urlsplit(base_url)
        host = address.hostname if address.scheme in ("http", "https") and address.port != 0 else None
    except ValueError:
        host = None
    if not host:
        raise ConfigurationError("SIMULATOR_BASE_URL is not a web address.", "Give it as http://host:port/v1.")
    return host


def _openai_compatible(model: str, base_url: str, key: str, timeout_seconds: float) -> "BaseChatModel":
    from langchain_openai import ChatOpenAI

    # What stays on this machine must not go through a proxy that the environment names.
    direct = openai.DefaultHttpxClient(trust_env=False) if stays_here(_host_of(base_url)) else None
    return ChatOpenAI(
        model=model,
        base_url=base_url,
        api_key=key,  # type: ignore[arg-type]  # a plain string is accepted and wrapped
        max_retries=0,
        http_client=direct,
        timeout=timeout_seconds,
        temperature=0.0,
        seed=0,
    )


def _any_provider(settings: Settings, key: str) -> ChatModel:
    from langchain.chat_models import init_chat_model

    options: dict[str, Any] = {"temperature": 0.0, "max_retries": 0, "timeout": settings.call_timeout_seconds}
    if key:
        options["api_key"] = key
    try:
        chat = init_chat_model(settings.model, **options)
    except (ImportError, ValueError, openai.OpenAIError) as error:
        told = str(error).splitlines()[0]
        raise ConfigurationError(
            f"SIMULATOR_MODEL={settings.model} cannot be used: {told}", "Install the provider or set its key."
        ) from error
    host = settings.model.split(":")[0]
    return ChatModel(chat, settings.model, settings.call_timeout_seconds, host=host, places=settings.live_calls)
