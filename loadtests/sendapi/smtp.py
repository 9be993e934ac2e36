"""Carries messages as mail to an SMTP server on this machine: 4xx comes again later, 5xx never."""

from __future__ import annotations

from collections.abc import Sequence

import aiosmtplib

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import DELIVERED, Fate
from loadtests.sendapi.letters import Letter, letters
from loadtests.targets.safety import Address

TIMEOUT_S = 10.0


class SmtpCarrier:
    """A few connections, each with one mail after another."""

    most = 50

    def __init__(self, address: Address, connections: int) -> None:
        self.connections = connections
        self._address = address
        self._free: list[aiosmtplib.SMTP] = []

    async def carry(self, lane: Lane, entry: Entry, places: Sequence[int]) -> list[Fate]:  # noqa: ARG002 - Carrier's shape
        """The mails one by one over one connection."""
        letter = letters(entry)
        return [await self._send(letter(place)) for place in places]

    async def close(self) -> None:
        """Hang up."""
        while self._free:
            self._free.pop().close()

    async def _send(self, letter: Letter) -> Fate:
        client: aiosmtplib.SMTP | None = None
        try:
            client = self._free.pop() if self._free else await self._connected()
            await client.send_message(
                letter.message(), sender=letter.sender, recipients=list(letter.recipients)
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            self._keep(client)
            return _fate(error.recipients[0].code, error.recipients[0].message)
        except aiosmtplib.SMTPResponseException as error:
            self._keep(client)
            return _fate(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError) as error:
            if client is not None:
                client.close()
            return Fate("later", f"{type(error).__name__}: {error}")
        self._keep(client)
        return DELIVERED

    async def _connected(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(
            hostname=self._address.ip,
            port=self._address.port,
            local_hostname="localhost",
            timeout=TIMEOUT_S,
            start_tls=False,
        )
        await client.connect()
        return client

    def _keep(self, client: aiosmtplib.SMTP | None) -> None:
        if client is not None and client.is_connected:
            self._free.append(client)


def _fate(code: int, message: str) -> Fate:
    return Fate("never" if code >= 500 else "later", f"{code} {message}")
