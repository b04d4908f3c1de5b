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
LEAST_SECRET = 16
"""Characters of the secret that a proxy shares with the page."""


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
    live_calls: int = Field(default=8, ge=1)
    """Candidates whose replies another model than the embedded one makes at once; the next wait in line."""
    context_tokens: int = Field(default=14_336, ge=2_048)
    """Context window of the embedded server, shared by its two slots."""
    threads: int | None = None
    """Threads of the embedded server; by default one a core."""
    mask: bool = False
    """Send another host placeholders for names, companies, money and addresses; they are put back in its reply."""
    keep_days: int = Field(default=180, ge=0)
    """Interviews are removed so many days after they began; 0 keeps them for ever."""
    database_url: SecretStr = SecretStr("")
    """`postgresql://...` where many share a database; empty for a file in `data_dir`. May hold a password."""

    proxy_secret: SecretStr = SecretStr("")
    """What the proxy sends as X-Proxy-Secret; without it, a user's name in a header is believed from nobody."""
    user_header: str = Field(default="X-Forwarded-User", pattern=r"^[A-Za-z0-9-]+$")
    """The header in which the proxy names the user."""
    sign_in: Literal["", "oidc", "header"] = ""
    """Who a page's user is: the one of this machine, whom a provider of OpenID Connect signed in (it stands in
    Streamlit's secrets), or whom the proxy names."""
    public_host: str = Field(default="", pattern=r"^[A-Za-z0-9.-]*$")
    """The name under which a proxy is reached, without scheme and port."""
    grade_here: bool = True
    """Grade in the page's process; otherwise `simulator work` does it elsewhere."""

    log: Literal["", "text", "json"] = ""
    """What happens, one event a line on standard error; ids, sizes and seconds, never words."""
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    """Port of 127.0.0.1 on which a process that serves no page answers /livez, /readyz and /metrics; 0 for none."""

    @property
    def database(self) -> Path:
        """The file of all that is kept."""
        return self.data_dir / "interviews.db"

    @property
    def place(self) -> Path | str:
        """Where all is kept: the file, or the address of a server. For `Records` alone: it may hold a password."""
        return self.database_url.get_secret_value() or self.database

    @field_validator("base_url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        # A password inside the address would end up in the client's debug log.
        if "@" in value.split("//")[-1].split("/")[0]:
            raise ValueError("must not contain a password; put it into SIMULATOR_API_KEY")
        return value

    @field_validator("sign_in")
    @classmethod
    def _only_by_the_proxy(cls, value: str, info: ValidationInfo) -> str:
        secret: SecretStr | None = info.data.get("proxy_secret")
        if value == "header" and len(secret.get_secret_value() if secret else "") < LEAST_SECRET:
            raise ValueError(f"by a header it needs SIMULATOR_PROXY_SECRET, of {LEAST_SECRET} characters or more")
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
