"""Letters over a real SMTP server: secrets in TLS, refusals, bounces, and once is once."""

import asyncio
import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from types import SimpleNamespace
from uuid import UUID

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from server import bounces, mail
from server.database import one, scoped, sql
from server.errors import Invalid
from server.forms import email as checked
from tests import world

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Box:
    """A mail server's judgement: keeps what it takes, refuses what it is told to."""

    def __init__(self):
        self.taken = []
        self.senders = []
        self.answers = []
        self.secured = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        self.secured.append((session.ssl is not None, bool(session.authenticated)))
        return "250 taken"


@pytest.fixture
def box():
    found = Box()
    controller = Controller(found, hostname="127.0.0.1", port=free_port())
    controller.start()
    port = controller.port
    yield SimpleNamespace(box=found, url=f"smtp://127.0.0.1:{port}", controller=controller)
    with suppress(AssertionError):  # a test may have stopped it
        controller.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of our own for 127.0.0.1, and the file that trusts it."""
    folder = tmp_path_factory.mktemp("ca")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture
def strict_box(authority):
    """A server that takes nothing before STARTTLS and a password."""
    found = Box()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")

    def check(_server, _session, _envelope, _mechanism, data):
        found.senders.append(data.login)
        return AuthResult(success=data.password == b"mot&passe", handled=False)

    controller = Controller(
        found,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=check,
    )
    controller.start()
    port = controller.port
    yield SimpleNamespace(box=found, port=port)
    controller.stop()


@pytest.fixture
def post_office(settings):
    """Deliver everything that waits through this address."""
    made = []

    def office(url):
        made.append(mail.Postman(replace(settings, smtp_url=url)))
        return made[-1]

    yield office
    mail.Postman(settings)


async def a_letter(cast, to="chloe@x.example", **more):
    now = datetime.now(UTC)
    async with scoped(cast.as_ana):
        return await mail.post(
            "invitation",
            to=to,
            language="fr",
            workspace=more.pop("workspace", cast.orbelune),
            context={"url": "http://x/", "email": to, "role": "porte"},
            now=now,
            **more,
        )


def ticket(cast, letter_id):
    return {"letter": str(letter_id), "workspace": str(cast.orbelune.id)}


async def kept(cast, letter_id):
    async with scoped(cast.as_ana):
        return await one("SELECT * FROM letter WHERE id = $1", letter_id)


async def waiting():
    row = await one("SELECT count(*) AS n FROM pgqueuer WHERE entrypoint = 'send_letter'")
    return row["n"]


async def test_a_letter_arrives_whole(cast, box, post_office):
    letter = await a_letter(cast)
    await post_office(box.url).deliver(ticket(cast, letter))
    (message,) = box.box.taken
    assert message["To"] == "chloe@x.example"
    assert message["From"] == '"Ana, organisation, Orbelune" <bonjour@apero.example>'
    assert message["Subject"] == "Orbelune vous ouvre sa porte"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == f"<{letter.hex}@apero.example>"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert "Votre rôle\u00a0: porte." in text.get_content()
    assert "#b14424" in html.get_content()
    assert "<script" not in html.get_content()
    assert (await kept(cast, letter))["sent_at"] is not None


async def test_a_job_that_runs_twice_sends_once(cast, box, post_office):
    letter = await a_letter(cast)
    office = post_office(box.url)
    await office.deliver(ticket(cast, letter))
    await office.deliver(ticket(cast, letter))
    assert len(box.box.taken) == 1


@pytest.mark.committed
async def test_jobs_that_run_at_once_send_once(box, post_office):
    cast = await world.cast()
    letter = await a_letter(cast)
    office = post_office(box.url)
    await asyncio.gather(*(office.deliver(ticket(cast, letter)) for _ in range(5)))
    assert len(box.box.taken) == 1


async def test_a_letter_whose_job_died_is_sent_by_the_next(cast, box, post_office):
    letter = await a_letter(cast)
    before = await waiting()
    async with scoped(cast.as_ana):
        await sql("UPDATE letter SET claimed_at = now() WHERE id = $1", letter)
    await post_office(box.url).deliver(ticket(cast, letter))
    assert box.box.taken == []
    assert await waiting() == before + 1
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE letter SET claimed_at = now() - interval '6 minutes' WHERE id = $1",
            letter,
        )
    await post_office(box.url).deliver(ticket(cast, letter))
    assert len(box.box.taken) == 1


async def test_a_refusal_of_the_moment_is_tried_again(cast, box, post_office):
    letter = await a_letter(cast)
    box.box.answers = ["451 try later"]
    office = post_office(box.url)
    before = await waiting()
    await office.deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert (row["attempts"], row["sent_at"], row["bounced_at"]) == (1, None, None)
    assert row["error"].startswith("451")
    assert await waiting() == before + 1
    await office.deliver(ticket(cast, letter))
    assert len(box.box.taken) == 1


async def test_a_refusal_for_good_is_a_bounce(cast, box, post_office):
    letter = await a_letter(cast)
    box.box.answers = ["550 nobody here"]
    before = await waiting()
    await post_office(box.url).deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert row["bounced_at"] is not None
    assert row["failed_at"] is not None
    assert await waiting() == before
    await post_office(box.url).deliver(ticket(cast, letter))
    assert box.box.taken == []


async def test_a_server_that_is_away_is_waited_for(cast, box, post_office):
    letter = await a_letter(cast)
    box.controller.stop()
    office = post_office(box.url)
    await office.deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert (row["attempts"], row["failed_at"]) == (1, None)
    host, _, port = box.url.removeprefix("smtp://").partition(":")
    back = Controller(box.box, hostname=host, port=int(port))
    back.start()
    try:
        await office.deliver(ticket(cast, letter))
    finally:
        back.stop()
    assert len(box.box.taken) == 1


async def test_after_two_days_a_letter_is_given_up(cast, box, post_office):
    letter = await a_letter(cast)
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE letter SET created_at = now() - interval '49 hours' WHERE id = $1",
            letter,
        )
    box.box.answers = ["451 try later"]
    await post_office(box.url).deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert row["failed_at"] is not None
    assert row["bounced_at"] is None


async def test_a_password_travels_in_tls_only(cast, strict_box, post_office, authority):
    letter = await a_letter(cast)
    ca = authority / "cert.pem"
    url = f"smtp://apero:mot%26passe@127.0.0.1:{strict_box.port}?ca={ca}"
    await post_office(url).deliver(ticket(cast, letter))
    assert strict_box.box.secured == [(True, True)]
    assert strict_box.box.senders == [b"apero"]


async def test_a_stranger_s_certificate_is_refused(cast, strict_box, post_office):
    letter = await a_letter(cast)
    url = f"smtp://apero:mot%26passe@127.0.0.1:{strict_box.port}"
    await post_office(url).deliver(ticket(cast, letter))
    assert strict_box.box.taken == []
    assert strict_box.box.senders == []
    assert (await kept(cast, letter))["failed_at"] is None


async def test_a_password_is_not_said_to_a_server_without_tls(cast, box, post_office):
    letter = await a_letter(cast)
    url = box.url.replace("smtp://", "smtp://apero:secret@")
    await post_office(url).deliver(ticket(cast, letter))
    assert box.box.taken == []
    assert (await kept(cast, letter))["failed_at"] is None


async def test_our_own_wrong_password_bounces_nobody(
    cast, strict_box, post_office, authority
):
    letter = await a_letter(cast)
    url = f"smtp://apero:faux@127.0.0.1:{strict_box.port}?ca={authority / 'cert.pem'}"
    await post_office(url).deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert (row["bounced_at"], row["failed_at"]) == (None, None)
    assert "535" in row["error"]


async def test_a_name_cannot_write_headers(cast, box, post_office):
    letter = await a_letter(cast)
    async with scoped(cast.as_ana):
        await sql(
            "UPDATE letter SET sender_name = $2 WHERE id = $1",
            letter,
            'Orbe"lune\r\nBcc: all@x.example\n\rX: <y@x.example>',
        )
    await post_office(box.url).deliver(ticket(cast, letter))
    (message,) = box.box.taken
    assert message["Bcc"] is None
    assert message["X"] is None
    assert message["From"].addresses[0].addr_spec == "bonjour@apero.example"


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example,c@d.example",
        "<a@b.example>",
        '"a b"@c.example',
        "a..b@c.example",
        "é@c.example",
        "a@c",
        "a@-c.example",
        "@c.example",
        "a" * 65 + "@c.example",
        "a@" + "c." * 130 + "example",
    ],
)
def test_an_address_that_no_server_takes_is_refused_early(address):
    with pytest.raises(Invalid):
        checked(address)


async def test_a_maker_that_fails_holds_its_letter_back(cast, box, post_office):
    @mail.maker("test_broken")
    async def broken(_workspace_id: UUID, _about: UUID) -> mail.Enclosure | None:
        raise RuntimeError("no paper")

    letter = await a_letter(cast, makers=[("test_broken", cast.ana)])
    await post_office(box.url).deliver(ticket(cast, letter))
    row = await kept(cast, letter)
    assert box.box.taken == []
    assert (row["attempts"], row["failed_at"], row["error"]) == (1, None, "0 RuntimeError")


async def test_enclosures_travel_with_their_letter(cast, box, post_office):
    made = {
        "test_pdf": mail.Enclosure("billet é.pdf", "application/pdf", b"%PDF-1.7"),
        "test_qr": mail.Enclosure("qr.png", "image/png", b"\x89PNG", cid="qr"),
        "test_ics": mail.Enclosure(
            "invite.ics",
            "text/calendar",
            b"BEGIN:VCALENDAR",
            parameters=(("method", "REQUEST"),),
        ),
    }
    for name, enclosure in made.items():

        async def make(_w: UUID, _a: UUID, one_=enclosure) -> mail.Enclosure | None:
            return one_

        mail.maker(name)(make)
    letter = await a_letter(cast, makers=[(name, cast.ana) for name in made])
    await post_office(box.url).deliver(ticket(cast, letter))
    (message,) = box.box.taken
    parts = {part.get_filename(): part for part in message.walk() if part.get_filename()}
    assert set(parts) == {"billet é.pdf", "qr.png", "invite.ics"}
    assert parts["qr.png"]["Content-ID"] == "<qr>"
    assert parts["invite.ics"].get_param("method") == "REQUEST"


async def test_a_letter_with_a_key_is_written_once(cast):
    first = await a_letter(cast, once="invitation:chloe")
    again = await a_letter(cast, once="invitation:chloe")
    assert first is not None
    assert again is None


def a_report(message_id: str, kind: str = "message/rfc822") -> bytes:
    """A delivery report as a mail server writes it (RFC 3464)."""
    return (
        "From: MAILER-DAEMON@x.example\r\nTo: bonjour@apero.example\r\n"
        "Subject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNobody.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; x.example\r\n\r\n"
        "Final-Recipient: rfc822; chloe@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: {kind}\r\n\r\n"
        f"Message-ID: {message_id}\r\nSubject: x\r\n\r\n\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
async def test_a_delivery_report_marks_its_letter(cast, box, post_office, kind):
    letter = await a_letter(cast)
    await post_office(box.url).deliver(ticket(cast, letter))
    now = datetime.now(UTC)
    sent_as = box.box.taken[0]["Message-ID"]
    assert await bounces.note_bounce(a_report(str(sent_as), kind), now=now)
    assert (await kept(cast, letter))["bounced_at"] == now


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"\xff\xfe not mail",
        a_report("<nobody@x.example>"),
        a_report("<" + "0" * 32 + "@apero.example>"),
        a_report("<../../etc@x>", "text/rfc822-headers"),
    ],
)
async def test_a_report_about_nothing_of_ours_changes_nothing(cast, report):
    assert not await bounces.note_bounce(report, now=datetime.now(UTC))


async def test_without_smtp_letters_stay_in_the_mailbox(cast, post_office):
    letter = await a_letter(cast)
    await post_office(None).deliver(ticket(cast, letter))
    assert (await kept(cast, letter))["sent_at"] is not None


async def test_a_sign_in_link_does_not_outlive_its_letter(browser, cast, box, post_office):
    await browser.post("/sign-in", data={"email": "ana@orbelune.example"})
    post_office(box.url)
    await world.do_jobs()
    letter = (await world.letters_to("ana@orbelune.example"))[-1]
    assert letter["sent_at"] is not None
    assert (letter["body_text"], letter["body_html"]) == ("", "")
    assert "/sign-in/" in box.box.taken[-1].get_body(("plain",)).get_content()


def test_pauses_double_up_to_four_hours():
    pauses = [mail.pause_before(attempt) for attempt in range(30)]
    assert pauses[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == mail.LONGEST_PAUSE


def test_only_the_five_hundreds_are_for_good():
    assert [mail.is_final(code) for code in (250, 451, 500, 550, 599, 600)] == [
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    assert issubclass(aiosmtplib.SMTPDataError, aiosmtplib.SMTPResponseException)
