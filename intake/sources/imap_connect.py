"""Opens a conversation with the mail server: connect, protect, log in; says in words what kept it from that."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import LoginError

from config.settings import ImapSource, is_loopback
from intake.ports import SourceError

# What imaplib and IMAPClient raise when a server breaks off or lies: they take its words for well-formed, so a
# wrong one ends in any of these (a huge literal in MemoryError or OverflowError).
LIBRARY_FAILURES = (
    imaplib.IMAP4.error,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    OverflowError,
)

# A server's words are quoted for the operator; more than a line of them is noise, and may be made to be.
MAX_QUOTED_CHARACTERS = 200


class ConnectionLost(SourceError):
    """The conversation is over or cannot be trusted any more: only a new one helps."""


class LoginRefused(ConnectionLost):
    """The server does not let us in: trying again at once, for another folder, may close the account."""


class FolderMissing(SourceError):
    """The server has no such folder; the other folders are looked at all the same."""


class Lifeline:
    """
    A second handle on one connection, by which any thread can cut it, however far it has come.

    A server that answers a byte at a time keeps each wait within its limit and the whole endless; whoever waits for
    its greeting, a handshake or a login can be ended only from outside. The TCP connection is shut below TLS: the SSL
    object must not be touched while another thread reads it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._is_cut = False

    def hold(self, connection: socket.socket) -> None:
        """Take hold of a new connection; one that is to be cut already is not begun."""
        with self._lock:
            if self._is_cut:
                raise ConnectionAbortedError("cut before it was begun")
            self._handle = connection.dup()

    def cut(self) -> None:
        """End the connection at once; a thread that waits in it gets an error and goes on."""
        with self._lock:
            self._is_cut = True
            if self._handle is not None:
                with contextlib.suppress(OSError):  # It was already gone.
                    self._handle.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Give the handle back, once the connection is closed."""
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = None


def connect(settings: ImapSource, lifeline: Lifeline) -> IMAPClient:
    """
    Return a logged-in client for `settings`, with its timeouts set and TLS as demanded; `lifeline` holds it.

    `connect_timeout_seconds` bounds connecting, the greeting and the TLS handshake, each of them;
    `read_timeout_seconds` bounds each later wait for bytes. `tls = "none"` is refused unless the other end
    is this machine (RFC 8314, section 3: clear text is obsolete). Raises ConnectionLost with the remedy;
    its words never hold the password, not even in base64.
    """
    if settings.tls == "none" and not is_loopback(settings.host):
        raise ConnectionLost("MAILBOX_UNPROTECTED", source=settings.name, host=settings.host)
    context = _tls_context(settings)
    with _explained(settings):
        client = _Client(
            lifeline,
            settings.host,
            port=settings.port,
            ssl=settings.tls == "required",
            ssl_context=context,
            timeout=SocketTimeout(settings.connect_timeout_seconds, settings.read_timeout_seconds),
        )
    try:
        # IMAPClient turns imaplib's debugging on and sends every line to the log; ours names only steps.
        client._imap.debug = 0
        with _explained(settings):
            if settings.tls == "none":
                _insist_on_this_machine(settings, client)
            if settings.tls == "starttls":
                client.socket().settimeout(settings.connect_timeout_seconds)
                client.starttls(context)
                client.socket().settimeout(settings.read_timeout_seconds)
            _log_in(settings, client)
    except BaseException:
        lifeline.cut()
        raise
    return client


class _Client(IMAPClient):  # type: ignore[misc]  # the library has no types
    """IMAPClient over a connection that a lifeline holds from its first packet on."""

    def __init__(self, lifeline: Lifeline, *arguments: object, **options: object) -> None:
        self._lifeline = lifeline
        super().__init__(*arguments, **options)

    def _create_IMAP4(self) -> imaplib.IMAP4:
        kind = _ProtectedConnection if self.ssl else _PlainConnection
        return kind(self._lifeline, self.host, self.port, self.ssl_context, self._timeout.connect)


class _PlainConnection(imaplib.IMAP4):
    """imaplib's conversation; its constructor reads the greeting already."""

    def __init__(
        self, lifeline: Lifeline, host: str, port: int, context: ssl.SSLContext | None, timeout: float
    ) -> None:
        self._lifeline = lifeline
        self._context = context
        super().__init__(host, port, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        connection = socket.create_connection((self.host, self.port), timeout)
        self._lifeline.hold(connection)
        return connection


class _ProtectedConnection(_PlainConnection):
    """The same under TLS."""

    def _create_socket(self, timeout: float | None) -> socket.socket:
        connection = super()._create_socket(timeout)
        assert self._context is not None
        return self._context.wrap_socket(connection, server_hostname=self.host)


def release(client: IMAPClient) -> None:
    """Close what was cut; only the thread that uses the client may call this."""
    try:
        client._imap.shutdown()
    except LIBRARY_FAILURES:
        return  # A connection that fails to close is closed.


def quoted(words: object, secrets: tuple[str, ...] = ()) -> str:
    """Return the other side's words on one short line, printable, with every secret and its base64 taken out."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for form in (
            secret,
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(secret.encode()).decode().rstrip("="),
        ):
            text = text.replace(form, "***")
    text = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(text.split())[:MAX_QUOTED_CHARACTERS]


def _tls_context(settings: ImapSource) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ValueError) as cause:
        raise ConnectionLost("MAILBOX_CA_UNUSABLE", source=settings.name, ca_file=settings.ca_file) from cause


def _insist_on_this_machine(settings: ImapSource, client: IMAPClient) -> None:
    """Refuse to send a password in clear to a name that only looked like this machine."""
    peer = str(client.socket().getpeername()[0]).partition("%")[0]
    if not ip_address(peer).is_loopback:
        raise ConnectionLost("MAILBOX_ELSEWHERE", source=settings.name, host=settings.host, peer=peer)


def _log_in(settings: ImapSource, client: IMAPClient) -> None:
    """
    Log in by LOGIN, or by AUTHENTICATE PLAIN where LOGIN is off or the password is not ASCII (RFC 9051, 6.2.3).

    A greeting of PREAUTH is taken only under TLS or on loopback: under STARTTLS it is how an attacker keeps
    the conversation unprotected (RFC 9051, 11.6), and the STARTTLS command has failed by then.
    """
    if client._imap.state == "AUTH":
        return
    password = settings.password.reveal()
    secrets = (password, f"\0{settings.user}\0{password}")
    capabilities = client.capabilities()
    try:
        if b"LOGINDISABLED" in capabilities or not (password + settings.user).isascii():
            client.plain_login(settings.user, password)
        else:
            client.login(settings.user, password)
    except LoginError as cause:
        # The cause is cut off on purpose: a server may have echoed the password in it.
        raise LoginRefused(
            "MAILBOX_LOGIN_REFUSED",
            source=settings.name,
            user=settings.user,
            said=quoted(cause, secrets),
            password_place=settings.password_file or settings.password_env,
        ) from None
    except LIBRARY_FAILURES as cause:
        raise ConnectionLost(
            "MAILBOX_LOGIN_BROKEN", source=settings.name, kind=type(cause).__name__, said=quoted(cause, secrets)
        ) from None


@contextmanager
def _explained(settings: ImapSource) -> Iterator[None]:
    """Turn what the library raises while connecting into words with the remedy."""
    where = f"{settings.name}: {settings.host}:{settings.port}"
    try:
        yield
    except SourceError:
        raise
    except ssl.SSLCertVerificationError as cause:
        raise ConnectionLost("MAILBOX_CERTIFICATE", where=where, said=quoted(cause.verify_message)) from cause
    except ssl.SSLError as cause:
        raise ConnectionLost("MAILBOX_NO_TLS", where=where, said=quoted(cause.reason or cause)) from cause
    except socket.gaierror as cause:
        raise ConnectionLost("MAILBOX_NO_SUCH_HOST", where=where) from cause
    except TimeoutError as cause:
        raise ConnectionLost("MAILBOX_TIMEOUT", where=where) from cause
    except ConnectionError as cause:
        raise ConnectionLost("MAILBOX_REFUSED", where=where) from cause
    except LIBRARY_FAILURES as cause:
        raise ConnectionLost(
            "MAILBOX_NO_GREETING", where=where, kind=type(cause).__name__, said=quoted(cause)
        ) from cause
