"""Who looks at the page: this machine's one user, whom a provider signed in, or whom the proxy in front names.

Every run of a page asks anew. Keeps no password and no token: a provider's reply is checked and kept by Streamlit; a
name in a header is believed only beside the proxy's secret. Draws nothing.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from simulator.errors import ConfigurationError, InputError
from simulator.records import LOCAL
from simulator.settings import Settings

SECRET_HEADER = "X-Proxy-Secret"
MOST_CHARACTERS = 250
"""Of an owner."""


@dataclass(frozen=True, slots=True)
class User:
    """Whose rows are shown, and by what name they are greeted; without a name where nobody has to sign in."""

    owner: str
    name: str = ""


def user(settings: Settings) -> User | None:
    """Who looks at the page; None for somebody who has to sign in first. Raises InputError for somebody whom nobody
    vouches for, and ConfigurationError where no provider is set up."""
    if settings.sign_in == "header":
        return _named_by_proxy(settings)
    return _signed_in_by_provider() if settings.sign_in == "oidc" else User(LOCAL)


def _named_by_proxy(settings: Settings) -> User:
    headers = st.context.headers
    secrets, names = headers.get_all(SECRET_HEADER), headers.get_all(settings.user_header)
    expected = settings.proxy_secret.get_secret_value().encode()
    if len(secrets) != 1 or not hmac.compare_digest(secrets[0].encode(), expected):
        raise InputError("This page is reached through its proxy alone.", "Use the address that you were given.")
    name = names[0].strip() if len(names) == 1 else ""  # of two, one may be the visitor's own
    return User(_fit(name), name)


def _signed_in_by_provider() -> User | None:
    if not (st.secrets.load_if_toml_exists() and "auth" in st.secrets):
        raise ConfigurationError("There is no provider to sign in with.", "Put [auth] into Streamlit's secrets.toml.")
    return told_by(st.user.to_dict()) if st.user.is_logged_in else None


def told_by(claims: Mapping[str, object]) -> User:
    """Whom a provider's claims name. Raises InputError where they name nobody."""
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not (isinstance(issuer, str) and issuer and isinstance(subject, str) and subject):
        raise InputError("The provider did not say who you are.", "Sign out and in again.")
    return User(_fit(f"{issuer}|{subject}"), str(claims.get("name") or claims.get("email") or subject))


def _fit(owner: str) -> str:
    """Refused rather than cut or mended: two owners must never become one, and nobody the user of the machine."""
    if owner == LOCAL or len(owner) > MOST_CHARACTERS or not owner.isprintable():
        raise InputError("Your name did not come with the request.", "Sign in again.")
    return owner
