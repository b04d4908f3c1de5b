"""A small provider of OpenID Connect on the loopback: whoever asks chooses a name on its page and is that person."""

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, CLIENT_SECRET = "the-simulator", "known to both"
PEOPLE = ("Ann", "Ben")


class OidcServer:
    """One provider. `claims` and `key` may be replaced, so that it sends what nobody should believe."""

    def __init__(self) -> None:
        self.good_key = self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.claims: dict[str, Any] = {}
        self.granted: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.answer(self, urlsplit(self.path).path, parse_qs(urlsplit(self.path).query))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                provider.answer(self, self.path, parse_qs(body))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler, path: str, fields: dict[str, list[str]]) -> None:
        asked = {name: values[0] for name, values in fields.items()}
        if path == "/authorize":
            self._page(handler, asked)
        elif path == "/token":
            self._json(handler, self._tokens(handler, asked))
        elif path == "/keys":
            self._json(handler, {"keys": [self.good_key.as_dict(private=False)]})
        else:
            self._json(handler, self._about())

    def _about(self) -> dict[str, Any]:
        named = {"authorization": "authorize", "token": "token"}
        return {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in named.items()} | {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _page(self, handler: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        links = []
        for person in PEOPLE:
            code = secrets.token_urlsafe()
            self.granted[code] = asked | {"person": person}
            back = urlencode({"code": code, "state": asked["state"]})
            links.append(f'<a href="{asked["redirect_uri"]}?{back}">{person}</a>')
        self._send(handler, "text/html", "<br>".join(links).encode())

    def _tokens(self, handler: BaseHTTPRequestHandler, asked: dict[str, str]) -> dict[str, Any]:
        grant = self.granted.pop(asked["code"])  # good for one time
        known = base64.b64decode(handler.headers["Authorization"].removeprefix("Basic ")).decode()
        assert known == f"{CLIENT}:{CLIENT_SECRET.replace(' ', '%20')}" or known == f"{CLIENT}:{CLIENT_SECRET}"
        digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == grant["code_challenge"]
        now = int(time.time())
        person = grant["person"]
        claims = {"iss": self.issuer, "sub": f"of-{person}", "aud": CLIENT, "iat": now, "exp": now + 60}
        claims |= {"nonce": grant["nonce"], "name": person} | self.claims
        token = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        return {"access_token": "unused", "token_type": "Bearer", "expires_in": 60, "id_token": token}

    def _json(self, handler: BaseHTTPRequestHandler, found: dict[str, Any]) -> None:
        self._send(handler, "application/json", json.dumps(found).encode())

    def _send(self, handler: BaseHTTPRequestHandler, kind: str, body: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
