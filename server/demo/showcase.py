"""What the public sees of Orbelune: where one talks, and who may show its form."""

from datetime import datetime

import msgspec

from events.people import channels, communities
from server import brand, workspaces
from server.database import scoped
from server.demo.making import Maker

FORUM = "https://forum.orbelune.example"
SITE = "https://www.orbelune.example"


async def add(maker: Maker, *, now: datetime) -> None:
    """A site that may show the registration form, and the address of the forum."""
    by = maker.by
    look = await workspaces.look(maker.look.slug)
    said = msgspec.structs.replace(brand.brand_of(look), embed_origins=(SITE,))
    await brand.change(look, said, by=by, now=now)
    async with scoped(by):
        for one in await communities.names():
            for place in await channels.of_community(one.id):
                if not place.address:
                    await channels.set_address(place.id, FORUM, by=by, now=now)
