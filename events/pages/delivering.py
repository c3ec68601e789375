"""What is owed to sponsors, acted upon: proved, delivered, dropped, taken up again."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.pages.deliverables import show
from events.planning import deliverables, owed
from events.planning.deliverables import Owed, ProofKind, Shown
from server import pictures, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid
from server.forms import Form, Line, Prose, read
from server.i18n import gettext as _
from server.i18n import lazy
from server.web import Asking, away, typed
from server.workspaces import Seat

AnyRequest = Request[Any, Any, Any]


class DueForm(Form, kw_only=True):
    title: Line
    due_on: date
    quantity: int = 1
    owner: UUID | None = None


class ProofForm(Form, kw_only=True):
    kind: ProofKind
    link: Line | None = None
    count: int | None = None
    note: Line | None = None


class DropForm(Form, kw_only=True):
    reason: Prose


# Acting


@post("/deliverables/{deliverable_id:uuid}", status_code=303)
async def change(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        wanted = owed_of(answers)
        await deliverables.change(deliverable_id, wanted, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _refused(asking, by, now, seat, deliverable_id, answers, no)
    return _back(asking, seat, deliverable_id, _("It is changed."))


def owed_of(answers: dict[str, Any]) -> Owed:
    """What a form says is owed."""
    form = read(DueForm, answers)
    return Owed(form.title, form.due_on, form.quantity, form.owner)


@post(
    "/deliverables/{deliverable_id:uuid}/proofs",
    status_code=303,
    request_max_body_size=pictures.LARGEST_FORM,
)
async def prove(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    file = answers.pop("picture", None)
    try:
        form = read(ProofForm, answers)
        await keep_proof(deliverable_id, form, file, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _refused(asking, by, now, seat, deliverable_id, answers, no)
    return _back(asking, seat, deliverable_id, _("The proof is added."))


async def keep_proof(
    deliverable_id: UUID, form: ProofForm, file: object, *, by: Actor, now: datetime
) -> UUID:
    """Keep a proof; a photo is drawn again first, and kept only with what it proves."""
    fresh = None
    if form.kind is ProofKind.PHOTO:
        if not isinstance(file, UploadFile) or not file.filename:
            raise Invalid(picture=lazy("Choose a file."))
        async with scoped(by, readonly=True):
            await owed.deliverable(deliverable_id)
        fresh = await pictures.draw(pictures.Kind.PROOF, await file.read())
    async with scoped(by):
        kept = await pictures.store(fresh, by=by, now=now) if fresh else None
        shown = Shown(form.kind, form.link or "", form.count, kept, form.note or "")
        return await deliverables.prove(deliverable_id, shown, by=by, now=now)


@post(
    "/deliverables/{deliverable_id:uuid}/proofs/{proof_id:uuid}/withdraw", status_code=303
)
async def withdraw_proof(
    asking: NamedDependency[Asking],
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
    proof_id: FromPath[UUID],
) -> Response[Any]:
    again = await deliverables.withdraw_proof(deliverable_id, proof_id, by=by, now=now)
    said = (
        _("The proof is taken back. Without any, this is owed again.")
        if again
        else _("The proof is taken back.")
    )
    return _back(asking, seat, deliverable_id, said)


@post("/deliverables/{deliverable_id:uuid}/deliver", status_code=303)
async def deliver(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    try:
        await deliverables.deliver(deliverable_id, by=by, now=now)
    except Conflict as no:
        return _back(asking, seat, deliverable_id, str(no), "bad")
    return _back(asking, seat, deliverable_id, _("It is delivered; the sponsor reads it."))


@post("/deliverables/{deliverable_id:uuid}/drop", status_code=303)
async def drop(
    request: AnyRequest,
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    answers = await typed(request)
    try:
        form = read(DropForm, answers)
        await deliverables.drop(deliverable_id, form.reason, by=by, now=now)
    except (Invalid, Conflict) as no:
        return await _refused(asking, by, now, seat, deliverable_id, answers, no)
    return _back(asking, seat, deliverable_id, _("The sponsor reads why on its page."))


@post("/deliverables/{deliverable_id:uuid}/reopen", status_code=303)
async def reopen(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    try:
        await deliverables.reopen(deliverable_id, by=by, now=now)
    except Conflict as no:
        return _back(asking, seat, deliverable_id, str(no), "bad")
    return _back(asking, seat, deliverable_id, _("It is owed again."))


async def _refused(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    deliverable_id: UUID,
    answers: dict[str, Any],
    no: Invalid | Conflict,
) -> Response[Any]:
    """The forms again with what was typed, or a sentence when none of it can be done."""
    if isinstance(no, Conflict):
        return _back(asking, seat, deliverable_id, str(no), "bad")
    look = await workspaces.look(seat.slug)
    return await show(
        *(asking, by, now, seat, look, deliverable_id),
        errors=dict(no.fields),
        answers=answers,
    )


def _back(
    asking: Asking, seat: Seat, deliverable_id: UUID, said: str, tone: str = "good"
) -> Response[None]:
    path = f"/w/{seat.slug}/deliverables/{deliverable_id}"
    return away(asking, path, said=said, tone=tone)


WRITES: list[HTTPRouteHandler] = [
    *(change, prove, withdraw_proof, deliver, drop, reopen),
]
