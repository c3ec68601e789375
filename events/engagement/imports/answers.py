"""Answers: what files write of one person at one meetup, in French or English."""

from enum import StrEnum


class Answer(StrEnum):
    """What a file says of one person at one meetup."""

    ATTENDED = "attended"
    NO_SHOW = "no_show"
    LOST_DRAW = "lost_draw"
    DRAWN = "drawn"
    REGISTERED = "registered"
    WAITED = "waited"
    NOT_COMING = "not_coming"


_ANSWERS = {
    Answer.ATTENDED: (
        "attended", "present", "presente", "came", "venu", "venue", "checked in", "yes",
        "oui",
        "true", "1", "x", "arrived", "show", "arrive", "arrivee", "a participe",
    ),
    Answer.NO_SHOW: (
        "no show", "noshow", "absent", "absente", "absence", "did not come",
        "not checked in",
        "non venu", "non venue", "no", "non", "false", "0", "pas venu", "pas venue",
    ),
    Answer.LOST_DRAW: (
        "lost draw", "lost the draw", "not drawn", "non tire", "non tiree",
        "perdu au tirage",
    ),
    Answer.DRAWN: ("drawn", "won", "admitted", "tire", "tiree", "tire au sort", "admis"),
    Answer.REGISTERED: (
        "registered", "confirmed", "going", "approved", "attending", "inscrit", "inscrite",
        "confirme", "confirmee",
    ),
    Answer.WAITED: ("waitlist", "waitlisted", "waiting", "en attente", "liste d attente"),
    Answer.NOT_COMING: (
        "cancelled", "canceled", "declined", "not going", "annule", "annulee", "refunded",
        "not attending", "rejected", "invited", "pending approval",
    ),
}  # fmt: skip
ANSWER_OF = {text: answer for answer, texts in _ANSWERS.items() for text in texts}
