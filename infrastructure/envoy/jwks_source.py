"""Where the keys come from that tokens are verified by: a file, or a URL that is asked."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from infrastructure.envoy.builders import EXTENSIONS, Address, Json, cluster, duration

CLUSTER = "issuer"
MAX_AGE = 300.0  # as the API's
TIMEOUT = 5.0
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class KeySource:
    """A key set (JWKS), as API_AUTH_JWKS names it. Envoy reads a file once, when it starts."""

    location: str
    authorities: str = AUTHORITIES

    @property
    def _remote(self) -> bool:
        return self.location.startswith(("http://", "https://"))

    def field(self) -> Json:
        """What a provider of tokens says of it."""
        if not self._remote:
            return {"local_jwks": {"filename": self.location.removeprefix("file://")}}
        uri = {"uri": self.location, "cluster": CLUSTER, "timeout": duration(TIMEOUT)}
        # Fetched before the first request needs it, and renewed in time.
        fetch = {"http_uri": uri, "cache_duration": duration(MAX_AGE), "async_fetch": {}}
        return {"remote_jwks": fetch}

    def clusters(self) -> list[Json]:
        """The cluster to ask; none for a file."""
        if not self._remote:
            return []
        parts = urlsplit(self.location)
        tls = parts.scheme == "https"
        host = parts.hostname or ""
        found = cluster(CLUSTER, Address(host, parts.port or (443 if tls else 80)).socket)
        return [found | ({"transport_socket": self._tls(host)} if tls else {})]

    def _tls(self, host: str) -> Json:
        names = [{"san_type": "DNS", "matcher": {"exact": host}}]
        trusted = {"filename": self.authorities}
        context = {"trusted_ca": trusted, "match_typed_subject_alt_names": names}
        return {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": host,
                "common_tls_context": {"validation_context": context},
            },
        }
