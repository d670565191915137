"""Certificates made for these tests alone, good ones and bad ones."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from attrs import frozen

__all__ = ["Certificates"]


@frozen
class Certificates:
    """
    What a TLS server shows, and the context of a client that trusts the authority.

    Attributes:
        good: For localhost and 127.0.0.1.
        expired: Was for localhost, until yesterday.
        elsewhere: For another host.
        strange: For localhost, by an authority that nobody trusts.
        trusting: The client's context.
    """

    good: ssl.SSLContext
    expired: ssl.SSLContext
    elsewhere: ssl.SSLContext
    strange: ssl.SSLContext
    trusting: ssl.SSLContext


def _showing(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """Return freshly made certificates."""
    authority, nobody = trustme.CA(), trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return Certificates(
        good=_showing(authority.issue_cert("localhost", "127.0.0.1")),
        expired=_showing(authority.issue_cert("localhost", not_after=yesterday)),
        elsewhere=_showing(authority.issue_cert("example.org")),
        strange=_showing(nobody.issue_cert("localhost")),
        trusting=trusting,
    )
