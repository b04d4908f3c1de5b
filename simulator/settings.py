"""One frozen settings object, made once from the environment and an optional `.env` file."""

from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from simulator.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
EMBEDDED = "embedded"
CHECKWISE, STRUCTURED = "checkwise", "structured"


class Settings(BaseSettings):
    """All that can be set, as `SIMULATOR_<NAME>`; the defaults need no key and no network."""

    model_config = SettingsConfigDict(env_prefix="SIMULATOR_", env_file=".env", frozen=True, extra="ignore")

    model: str = EMBEDDED
    """`embedded`, `provider:name` for LangChain, or a plain name when `base_url` is set."""
    base_url: str = ""
    """Address of an OpenAI-compatible server, ending in /v1."""
    api_key: SecretStr = SecretStr("")
    model_file: Path | None = None
    """Another GGUF file for the embedded server."""
    grading: Literal["checkwise", "structured"] = "checkwise"
    """How checks are put to the model: one a call, by log-probabilities, or all in one typed reply."""
    embeddings: str = EMBEDDED
    """`embedded` or `openai:name`."""
    data_dir: Path = Field(default_factory=lambda: user_data_path("interview-simulator"))
    cache_dir: Path = Field(default_factory=lambda: user_cache_path("interview-simulator"))
    content_dir: Path = ROOT
    """Folder that holds prompts/ and knowledge/."""
    call_timeout_seconds: float = Field(default=120, gt=0)
    """Total deadline of one model call, retries included."""
    context_tokens: int = Field(default=14_336, ge=2_048)
    """Context window of the embedded server, shared by its two slots."""
    threads: int | None = None
    """Threads of the embedded server; by default one a core."""
    mask: bool = False
    """Send another host placeholders for names, companies, money and addresses; they are put back in its reply."""
    keep_days: int = Field(default=180, ge=0)
    """Interviews are removed so many days after they began; 0 keeps them for ever."""

    @property
    def database(self) -> Path:
        """The file of all that is kept."""
        return self.data_dir / "interviews.db"

    @field_validator("base_url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        # A password inside the address would end up in the client's debug log.
        if "@" in value.split("//")[-1].split("/")[0]:
            raise ValueError("must not contain a password; put it into SIMULATOR_API_KEY")
        return value

    @field_validator("mask")
    @classmethod
    def _only_where_it_holds(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("embeddings", EMBEDDED) != EMBEDDED:
            raise ValueError("what is embedded elsewhere is not masked; leave SIMULATOR_EMBEDDINGS unset")
        return value


def stays_here(host: str) -> bool:
    """Whether a host (as in an address, with or without a port; empty for none) is this machine itself."""
    name = urlsplit(f"//{host}").hostname or ""
    for one in (host, name):
        with suppress(ValueError):
            return ip_address(one).is_loopback
    return name == "localhost" or not host


def load_settings() -> Settings:
    """Read the settings once. Raises ConfigurationError naming each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        told = [(str(one["loc"][0]).upper(), one["msg"].removeprefix("Value error, ")) for one in error.errors()]
        faults = "; ".join(f"SIMULATOR_{name}: {fault}" for name, fault in told)
        raise ConfigurationError(f"These settings are not usable: {faults}.", "Correct or unset them.") from None
