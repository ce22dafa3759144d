"""Visitors of a chat: they come, talk, go, come back, and look at pages. Standard library only."""

import asyncio
import base64
import itertools
import json
import os
import struct
import uuid

ROOMS = [f"post-{n}" for n in range(4)]
N_VISITORS = 20


class Socket:
    """One WebSocket, as far as this needs it (RFC 6455)."""

    async def open(self, address, room):
        self.reader, self.writer = await asyncio.open_connection(*address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write((f"GET /ws/room/{room} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nUpgrade: websocket\r\n"
                           f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                           "\r\n").encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head.split(b"\r\n")[0].decode())
        return self

    async def send(self, opcode, payload):
        length = struct.pack("!B", 0x80 | len(payload)) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
        mask = os.urandom(4)
        masked = bytes(a ^ b for a, b in zip(payload, itertools.cycle(mask)))
        self.writer.write(bytes([0x80 | opcode]) + length + mask + masked)
        await self.writer.drain()

    async def say(self, kind, **payload):
        await self.send(1, json.dumps({"type": kind, "payload": payload}).encode())

    async def frame(self):
        """The next frame of JSON; None at the end."""
        while True:
            try:
                opcode, length = await self.reader.readexactly(2)
                if length == 126:
                    length = struct.unpack("!H", await self.reader.readexactly(2))[0]
                elif length == 127:
                    length = struct.unpack("!Q", await self.reader.readexactly(8))[0]
                payload = await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            if opcode & 0xF == 8:
                return None
            if opcode & 0xF == 1:
                return json.loads(payload)

    async def wait(self, *kinds):
        while (frame := await self.frame()) is not None:
            for inner in frame["payload"]["frames"] if frame["type"] == "BATCH" else [frame]:
                if inner["type"] in kinds:
                    return inner
        raise ConnectionError("closed")


async def visitor(n, address):
    """Comes again and again; each time says a few things, some of them twice, some of them wrong."""
    who = {"anonymousId": str(uuid.uuid4()), "nickname": f"visitor {n}"}
    room, resume = ROOMS[n % len(ROOMS)], None
    while True:
        socket = await Socket().open(address, room)
        await socket.say("JOIN", **who, **({"resume": resume} if resume else {}))
        welcome = await socket.wait("WELCOME")
        for turn in range(4):
            key = str(uuid.uuid4())
            for _ in range(2 if turn == 0 else 1):
                await socket.say("MESSAGE", clientId=key, content=f"message {turn} of visitor {n}")
                await socket.wait("ACK")
            await asyncio.sleep(0.2)
        await socket.say("MESSAGE", clientId=key, content="other words under the same key")
        await socket.wait("ERROR")
        position = welcome["payload"]["room"]
        resume = {"epoch": position["epoch"], "rev": position["rev"]}
        if n % 2:
            await socket.send(8, struct.pack("!H", 1000))
        socket.writer.close()


async def reader_of_pages(address):
    for path in itertools.cycle(["/", "/room/post-0", "/api/v1/rooms/post-1", "/api/v1/rooms/post-2/messages", "/nothing"]):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        await reader.read()
        writer.close()
        await asyncio.sleep(0.1)


async def visit(address):
    """Until it is cancelled."""
    people = [visitor(n, address) for n in range(N_VISITORS)]
    await asyncio.gather(*people, reader_of_pages(address))
