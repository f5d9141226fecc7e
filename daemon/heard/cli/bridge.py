"""`heard bridge`: finals to MQTT, NATS JetStream, a webhook or Wyoming."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from heard.bridges.credentials import address, tls_context
from heard.bridges.errors import StartError
from heard.cli import bridging
from heard.cli.bridging import PATH, Common, common, failure, far_side, found_secret, tls_options
from heard.cli.fail import USAGE, Failure
from heard.wire.topics import Topic

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WYOMING_PORT = 10310


@click.group(context_settings={"auto_envvar_prefix": "HEARD_BRIDGE"})
def bridge() -> None:
    """Carry what is said to the systems you have: each finished turn at least once, in order.

    A bridge keeps its place in the state directory. Whatever is restarted, the far side, the daemon or the
    bridge, it goes on there, and fetches what it missed from the daemon's journal. A turn that arrives twice
    has the same turn_id. Far sides may be away for as long as the journal goes back.

    Every option can be given by a variable: --prefix of mqtt is HEARD_BRIDGE_MQTT_PREFIX. Needs
    pip install 'heard[bridges]'. docs/bridges.md has recipes.
    """


@bridge.command()
@click.argument("url", default="mqtt://127.0.0.1:1883", envvar="HEARD_BRIDGE_MQTT_URL")
@click.option("--username", metavar="NAME", help="Name to log in with.")
@click.option(
    "--password-file", type=PATH, metavar="FILE", help="Its password, mode 0600; or $HEARD_MQTT_PASSWORD."
)
@tls_options
@click.option("--prefix", default="heard", show_default=True, help="Topics begin with it.")
@click.option(
    "--node",
    metavar="ID",
    help="Tells this heard from others at the broker; by default the host's name and --name.",
)
@click.option(
    "--home-assistant/--no-home-assistant",
    default=True,
    show_default=True,
    help="Let Home Assistant discover the sources.",
)
@click.option(
    "--discovery-prefix",
    default="homeassistant",
    show_default=True,
    help="Where Home Assistant looks for them.",
)
@click.option("--read-only", is_flag=True, help="Obey nobody: no mute switch, no noise reduction slider.")
@click.option("--partials", is_flag=True, help="Also what is being said right now, QoS 0.")
@click.option("--retain", is_flag=True, help="Let the broker keep the last turn for who connects later.")
@click.option(
    "--expiry-s",
    type=click.IntRange(0),
    default=0,
    help="Let the broker drop a turn that a subscriber has not fetched for so long; 0: never.",
)
@common("mqtt")
def mqtt(  # noqa: PLR0917  # click passes them by name
    common: Common,
    url: str,
    username: str | None,
    password_file: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    prefix: str,
    node: str | None,
    *,
    home_assistant: bool,
    discovery_prefix: str,
    read_only: bool,
    partials: bool,
    retain: bool,
    expiry_s: int,
) -> int:
    """Publish to an MQTT 5 broker, and let it mute; mqtt://HOST[:1883] or mqtts://HOST[:8883].

    \b
    heard/SOURCE/final      a finished turn, JSON, QoS 1; also revised, event
    heard/SOURCE/muted      ON or OFF, kept; …/muted/set takes either
    heard/SOURCE/mix        noise reduction, 0 to 1, kept; …/mix/set
    heard/SOURCE/live       ON while it is captured, kept
    heard/availability      online, or offline (the last will)

    \b
    Examples:
      heard bridge mqtt mqtt://homeassistant.local --username heard --password-file ~/.heard-mqtt
      heard bridge mqtt mqtts://broker.example.org --tls-ca ca.pem --prefix heard/kitchen --read-only
      mosquitto_sub -V mqttv5 -q 1 -t 'heard/+/final'
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    try:
        parts, port = address(url, {"mqtt": 1883, "mqtts": 8883})
        tls = tls_context(tls_ca, tls_cert, tls_key) if parts.scheme == "mqtts" else None
    except StartError as error:
        raise failure(error) from None
    for option, value in (("--prefix", prefix), ("--discovery-prefix", discovery_prefix)):
        if not value or value.strip("/") != value or set(value) & set("+#\0$"):
            raise Failure(f"{option} {value!r}: must be a topic such as heard or heard/kitchen", USAGE)
    password = found_secret("mqtt-password", password_file, "HEARD_MQTT_PASSWORD")
    far = far_side("mqtt", "paho-mqtt")
    where = common.endpoints()
    options = far.Options(
        host=parts.hostname,
        port=port,
        node=_node(node or f"{socket.gethostname().partition('.')[0]}-{common.name}"),
        prefix=prefix,
        username=username,
        password=password,
        tls=tls,
        expiry_s=expiry_s,
        retain=retain,
        home_assistant=discovery_prefix if home_assistant else None,
        commands=not read_only,
        control=where.control,
        source=common.source,
    )
    live = (Topic.SOURCE, Topic.PARTIAL) if partials else (Topic.SOURCE,)
    return bridging.deliver(common, live, lambda: far.Mqtt(options))


@bridge.command()
@click.argument("url", default="nats://127.0.0.1:4222", envvar="HEARD_BRIDGE_NATS_URL")
@click.option("--user", metavar="NAME", help="Name to log in with.")
@click.option(
    "--password-file", type=PATH, metavar="FILE", help="Its password, mode 0600; or $HEARD_NATS_PASSWORD."
)
@click.option(
    "--token-file", type=PATH, metavar="FILE", help="A token instead, mode 0600; or $HEARD_NATS_TOKEN."
)
@tls_options
@click.option("--stream", default="HEARD", show_default=True, help="The stream; made if it is not there.")
@click.option("--prefix", default="heard", show_default=True, help="Subjects begin with it.")
@click.option(
    "--max-age-s",
    type=click.IntRange(0),
    default=0,
    help="A stream that is made keeps turns for so long; 0: for ever.",
)
@click.option(
    "--partials", is_flag=True, help="Also what is being said right now; the stream does not keep it."
)
@common("nats")
def nats(  # noqa: PLR0917  # click passes them by name
    common: Common,
    url: str,
    user: str | None,
    password_file: Path | None,
    token_file: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    stream: str,
    prefix: str,
    max_age_s: int,
    *,
    partials: bool,
) -> int:
    """Publish to a NATS JetStream stream; nats://HOST[:4222] or tls://HOST[:4222].

    Turns go to the subjects heard.SOURCE.final and heard.SOURCE.revised. Each is acknowledged by the stream,
    which keeps one that arrives twice once: its Nats-Msg-Id is the turn_id.

    \b
    Examples:
      heard bridge nats
      heard bridge nats tls://nats.example.org --token-file /etc/heard/nats.token --stream CALLS
      nats sub --stream HEARD --all
    """  # noqa: D301  # click wants the character
    try:
        parts, port = address(url, {"nats": 4222, "tls": 4222})
        tls = tls_context(tls_ca, tls_cert, tls_key) if parts.scheme == "tls" else None
    except StartError as error:
        raise failure(error) from None
    if not prefix or any(not token or set(token) & set("*> \t") for token in prefix.split(".")):
        raise Failure(f"--prefix {prefix!r}: must be a subject such as heard or calls.heard", USAGE)
    if not stream or set(stream) & set(".*> \t/\\"):
        raise Failure(f"--stream {stream!r}: must be a name without spaces, dots, slashes, * and >", USAGE)
    password = found_secret("nats-password", password_file, "HEARD_NATS_PASSWORD")
    token = found_secret("nats-token", token_file, "HEARD_NATS_TOKEN")
    far = far_side("jetstream", "nats-py")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    options = far.Options(
        url=f"{parts.scheme}://{host}:{port}",
        stream=stream,
        prefix=prefix,
        user=user,
        password=password,
        token=token,
        tls=tls,
        max_age_s=max_age_s,
    )
    return bridging.deliver(common, (Topic.PARTIAL,) if partials else (), lambda: far.JetStream(options))


@bridge.command()
@click.argument("url", envvar="HEARD_BRIDGE_WEBHOOK_URL")
@click.option(
    "--secret-file",
    type=PATH,
    metavar="FILE",
    help="What messages are signed with, whsec_ and base64, mode 0600; or $HEARD_WEBHOOK_SECRET.",
)
@click.option("--unsigned", is_flag=True, help="Do without: the receiver cannot tell who sent a message.")
@click.option(
    "--header-file",
    type=PATH,
    metavar="FILE",
    help="A header to send besides, such as 'Authorization: Bearer …', mode 0600; or $HEARD_WEBHOOK_HEADER.",
)
@tls_options
@common("webhook")
def webhook(  # noqa: PLR0917  # click passes them by name
    common: Common,
    url: str,
    secret_file: Path | None,
    header_file: Path | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    *,
    unsigned: bool,
) -> int:
    """POST each turn to a URL, signed by the scheme of Standard Webhooks.

    The receiver answers 2xx when it has it. What it answers otherwise, or not, is tried again, at first after
    half a second, then ever less often up to once a minute, or as Retry-After says; but 4xx (other than 401,
    408, 425 and 429) gives that message up. The body is {"type": "transcript.final", "timestamp": …,
    "data": …}; the header webhook-id is the turn_id.

    \b
    Examples:
      printf 'whsec_%s' "$(openssl rand -base64 32)" > ~/.heard-webhook && chmod 600 ~/.heard-webhook
      heard bridge webhook https://example.org/heard --secret-file ~/.heard-webhook
    """  # noqa: D301  # click wants the character
    try:
        parts, _ = address(url, {"http": 80, "https": 443})
        tls = tls_context(tls_ca, tls_cert, tls_key) if parts.scheme == "https" else None
    except StartError as error:
        raise failure(error) from None
    secret = found_secret("webhook-secret", secret_file, "HEARD_WEBHOOK_SECRET")
    if secret is None and not unsigned:
        raise Failure(
            "messages are signed: give --secret-file or $HEARD_WEBHOOK_SECRET, or --unsigned", USAGE
        )
    far = far_side("webhook", "httpx")
    try:
        key = None if unsigned or secret is None else far.key_from(secret.text)
    except ValueError as error:
        raise Failure(f"the webhook's secret {error}", USAGE) from None
    header = found_secret("webhook-header", header_file, "HEARD_WEBHOOK_HEADER")
    options = far.Options(url=url, key=key, headers=_header(None if header is None else header.text), tls=tls)
    return bridging.deliver(common, (), lambda: far.Webhook(options))


@bridge.command()
@click.option(
    "--bind",
    default=f"tcp://127.0.0.1:{WYOMING_PORT}",
    show_default=True,
    metavar="URI",
    help="Where to listen: tcp://HOST:PORT (port 0 picks a free one) or unix:///PATH.",
)
@click.option(
    "--unprotected",
    is_flag=True,
    help="Listen beyond this machine: the protocol knows no password and no encryption.",
)
@common("wyoming", keeps_place=False)
def wyoming(common: Common, bind: str, *, unprotected: bool) -> int:
    """Serve live transcripts over Wyoming, the protocol of Home Assistant's voice services.

    A client is told of every turn: voice-started, transcript-start, transcript-chunk…, voice-stopped,
    transcript, transcript-stop. After `transcribe` with a source as `name`, of that one only. A transcript
    has a `context`: a `transcribe` with the context of the last one a client had is answered with all that
    followed it. Audio is not taken: heard transcribes what it captures itself.

    Prints "listening on tcp://HOST:PORT" once clients are welcome.

    \b
    Examples:
      heard bridge wyoming
      heard bridge wyoming --bind tcp://0.0.0.0:10310 --unprotected
    """  # noqa: D301  # click wants the character
    far = far_side("wyoming", "wyoming")
    try:
        where = far.bind(bind)
    except StartError as error:
        raise failure(error) from None
    if not (where.path or where.host in LOOPBACK or unprotected):
        raise Failure(
            f"--bind {bind}: anybody in the network could read along, for Wyoming knows no password; "
            "add --unprotected if that is meant",
            USAGE,
        )

    def ready(address: str) -> None:
        click.echo(f"listening on {address}")

    return bridging.serve(common, lambda route: far.Wyoming(where, route, ready))


def _node(text: str) -> str:
    """Return an id that Home Assistant takes, which is more than MQTT asks for."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "_-" else "_" for c in text)


def _header(line: str | None) -> dict[str, str]:
    if line is None:
        return {}
    name, found, value = line.partition(":")
    if not found or not name.strip().replace("-", "").isalnum() or not line.isascii():
        raise Failure("the webhook's header must be one line, such as 'Authorization: Bearer …'", USAGE)
    return {name.strip(): value.strip()}
