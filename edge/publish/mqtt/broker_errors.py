"""Why a broker cannot be used, in one line: what was wrong, where, what to do. Pure."""

from __future__ import annotations

import socket
import ssl

from paho.mqtt.reasoncodes import ReasonCode

from edge.publish.mqtt.endpoint import Endpoint

_REFUSALS = {
    "Bad user name or password": "wrong user name or password",
    "Not authorized": "wrong user name or password, or this user may not connect",
    "Unsupported protocol version": "it speaks another MQTT version; set broker.mqtt_version",
    "Client identifier not valid": "it does not take this client's id; change site or device",
    "Server unavailable": "it is not available now",
    "Server busy": "it is busy now",
    "Banned": "this client is banned there",
    "Quota exceeded": "its quota is exceeded",
}


def unreachable(endpoint: Endpoint, error: BaseException) -> str:
    """Say why no connection could be opened."""
    return f"{endpoint.url}: {_cause(error, secure=endpoint.secure)}"


def refused(endpoint: Endpoint, code: ReasonCode) -> str:
    """Say why the broker refused the connection."""
    reason = _REFUSALS.get(code.getName(), code.getName().lower())
    hint = "" if endpoint.username else " (none was given)" if "user name" in reason else ""
    return f"{endpoint.url}: the broker refused: {reason}{hint}"


def closed(endpoint: Endpoint) -> str:
    """Say that the broker closed before it answered."""
    version, cert = endpoint.mqtt_version, endpoint.tls.cert
    if not endpoint.secure:
        why = (
            f"wrong user name or password, no MQTT {version} there, or a port with TLS (mqtts://)?"
        )
    elif cert is None:  # TLS 1.3 asks for a certificate when the client takes itself for connected
        why = f"it wants a certificate (broker.tls.cert and key), or speaks no MQTT {version}"
    else:
        why = f"it does not take the certificate {cert}, or speaks no MQTT {version}"
    return f"{endpoint.url}: closed without an answer: {why}"


def lost(endpoint: Endpoint, code: ReasonCode) -> str:
    """Say that an accepted connection broke."""
    return f"{endpoint.url}: the connection is lost ({code.getName().lower()}); trying again"


def taken_over(endpoint: Endpoint, name: str | None) -> str:
    """Say that another client came under the same id."""
    return f"{endpoint.url}: {another_uses(name)}"


def another_uses(name: str | None) -> str:
    """Say that this client's name is another's as well."""
    if name is None:
        return "another client uses the same client id: give one of them another"
    return f"another box uses {name}: give one of them another name (the key device)"


def silent(endpoint: Endpoint, waited_s: float) -> str:
    """Say that a peer accepts connections and says nothing."""
    return (
        f"{endpoint.url}: accepts connections and gives no answer in {waited_s:.0f} s: is it an "
        "MQTT broker? Restart it, or look at what lies between"
    )


def no_subscription(endpoint: Endpoint, waited_s: float) -> str:
    """Say that the broker accepted the connection and answers no subscription."""
    return (
        f"{endpoint.url}: the broker answers no subscription in {waited_s:.0f} s: restart it, or "
        "look at what lies between"
    )


def no_acknowledgement(endpoint: Endpoint, waited_s: float) -> str:
    """Say that the broker takes messages and acknowledges none."""
    return (
        f"{endpoint.url}: the broker takes messages and acknowledges none in {waited_s:.0f} s: "
        "restart it, or look at what lies between; what is sent may be lost"
    )


def nonsense(endpoint: Endpoint) -> str:
    """Say that what came is no MQTT."""
    return (
        f"{endpoint.url}: sends what is no MQTT {endpoint.mqtt_version}: is this the broker's port?"
    )


def no_answer(endpoint: Endpoint, timeout_s: float) -> str:
    """Say that nothing came back in time."""
    return f"{endpoint.url}: no answer within {timeout_s:g} s: check address, network and firewall"


def subscription_refused(endpoint: Endpoint, topic: str, code: ReasonCode) -> str:
    """Say that the broker does not let this client read a topic."""
    reason = code.getName().lower()
    return f"{endpoint.url}: the broker refused the subscription to {topic}: {reason}"


def publication_refused(endpoint: Endpoint, topic: str, reason: str) -> str:
    """Say that the broker does not let this client write a topic."""
    return (
        f"{endpoint.url}: the broker refused a message on {topic}: {reason.lower()}; "
        "check the access rules of this user"
    )


def _cause(error: BaseException, *, secure: bool) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message
        return f"its certificate is not trusted ({why}): give its authority in broker.tls.ca"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection ({error.reason or error}): is this the broker's TLS port?"
    if secure and isinstance(error, ConnectionResetError):
        return "no TLS connection (closed by the broker): is this the broker's TLS port?"
    if isinstance(error, (socket.gaierror, ValueError)):
        return "no such host: check the name"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: is the broker running, and is it this port?"
    if isinstance(error, TimeoutError):
        return "no answer: check address, network and firewall"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"no connection: {reason}"
