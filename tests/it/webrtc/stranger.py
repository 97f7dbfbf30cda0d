"""A WebRTC client that shares no code with cadran, made of aiortc.

Writes its offer as a line of JSON, reads the answer as one, sends a tone of 1,300 Hz and listens.
As soon as a second of what it hears is a tone of 700 Hz it says so and closes.
"""

import array
import asyncio
import fractions
import json
import math
import sys

from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame

RATE, FRAME, SENT, HEARD, CLEAR = 8_000, 160, 1_300, 700, 0.9


class Tone(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.at, self.began = 0, None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.began = self.began or loop.time()
        await asyncio.sleep(max(0.0, self.began + self.at / RATE - loop.time()))
        turn = 2 * math.pi * SENT / RATE
        samples = [int(8_192 * math.sin(turn * n)) for n in range(self.at, self.at + FRAME)]
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(array.array("h", samples).tobytes())
        frame.pts, frame.sample_rate, frame.time_base = self.at, RATE, fractions.Fraction(1, RATE)
        self.at += FRAME
        return frame


def share(samples):
    """How much of the samples is the tone listened for, by Goertzel's sum."""
    turn = 2 * math.pi * HEARD / RATE
    real = sum(s * math.cos(turn * n) for n, s in enumerate(samples))
    imaginary = sum(s * math.sin(turn * n) for n, s in enumerate(samples))
    energy = sum(s * s for s in samples)
    return 2 * (real**2 + imaginary**2) / (len(samples) * energy) if energy else 0.0


async def listen(track):
    heard = array.array("h")
    while True:
        frame = await track.recv()
        # Decoded as it came: G.711 has one channel of 8,000 samples a second.
        heard.frombytes(bytes(frame.planes[0])[: 2 * frame.samples])
        if len(heard) >= RATE:
            if share(heard) > CLEAR:
                return frame.sample_rate
            del heard[: RATE // 2]


async def main():
    peer, tracks = RTCPeerConnection(), asyncio.Queue()
    peer.on("track", tracks.put_nowait)
    peer.addTrack(Tone())
    await peer.setLocalDescription(await peer.createOffer())
    print(json.dumps(peer.localDescription.sdp), flush=True)
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await peer.setRemoteDescription(RTCSessionDescription(json.loads(line), "answer"))
    rate = await asyncio.wait_for(listen(await tracks.get()), 30)
    print(json.dumps({"heard": HEARD, "rate": rate}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await peer.close()


asyncio.run(main())
