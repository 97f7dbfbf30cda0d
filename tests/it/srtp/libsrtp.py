"""libsrtp as another program's opinion: reads one question a line, writes one answer a line.

    context NAME in|out SUITE KEY   makes a context for one direction
    rtp NAME PACKET                 protects or opens a packet, as the context's direction says
    rtcp NAME PACKET                the same for a report

Keys and packets are hexadecimal; the answer is `ok`, the packet, or `refused` with libsrtp's
number for the reason.
"""

import ctypes
import sys


class CryptoPolicy(ctypes.Structure):
    _fields_ = [
        ("cipher_type", ctypes.c_uint32),
        ("cipher_key_len", ctypes.c_int),
        ("auth_type", ctypes.c_uint32),
        ("auth_key_len", ctypes.c_int),
        ("auth_tag_len", ctypes.c_int),
        ("sec_serv", ctypes.c_int),
    ]


class Policy(ctypes.Structure):
    _fields_ = [
        ("ssrc_type", ctypes.c_int),
        ("ssrc_value", ctypes.c_uint),
        ("rtp", CryptoPolicy),
        ("rtcp", CryptoPolicy),
        ("key", ctypes.c_char_p),
        ("keys", ctypes.c_void_p),
        ("num_master_keys", ctypes.c_ulong),
        ("deprecated_ekt", ctypes.c_void_p),
        ("window_size", ctypes.c_ulong),
        ("allow_repeat_tx", ctypes.c_int),
        ("enc_xtn_hdr", ctypes.c_void_p),
        ("enc_xtn_hdr_count", ctypes.c_int),
        ("next", ctypes.c_void_p),
    ]


# The setters for RTP and for RTCP: the short tag is for RTP alone.
LONG = "srtp_crypto_policy_set_rtp_default"
SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (LONG, LONG),
    "AES_CM_128_HMAC_SHA1_32": ("srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32", LONG),
    "AEAD_AES_128_GCM": ("srtp_crypto_policy_set_aes_gcm_128_16_auth",) * 2,
    "AEAD_AES_256_GCM": ("srtp_crypto_policy_set_aes_gcm_256_16_auth",) * 2,
}

# ssrc_any_inbound and ssrc_any_outbound
DIRECTIONS = {"in": 2, "out": 3}

ROOM = 64


class Context:
    def __init__(self, library, direction, suite, key):
        policy = Policy(ssrc_type=DIRECTIONS[direction], key=key)
        for name, part in zip(SUITES[suite], (policy.rtp, policy.rtcp)):
            getattr(library, name)(ctypes.byref(part))
        self.session = ctypes.c_void_p()
        status = library.srtp_create(ctypes.byref(self.session), ctypes.byref(policy))
        if status != 0:
            raise SystemExit(f"libsrtp makes no context for {suite}: {status}")
        verb = "protect" if direction == "out" else "unprotect"
        self.calls = {
            "rtp": getattr(library, f"srtp_{verb}"),
            "rtcp": getattr(library, f"srtp_{verb}_rtcp"),
        }

    def turn(self, protocol, packet):
        buffer = ctypes.create_string_buffer(packet, len(packet) + ROOM)
        length = ctypes.c_int(len(packet))
        status = self.calls[protocol](self.session, buffer, ctypes.byref(length))
        return buffer.raw[: length.value].hex() if status == 0 else f"refused {status}"


def main():
    library = ctypes.CDLL("libsrtp2.so.1")
    if library.srtp_init() != 0:
        raise SystemExit("libsrtp does not start")
    contexts = {}
    print("ok", flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "context":
            _, name, direction, suite, key = words
            contexts[name] = Context(library, direction, suite, bytes.fromhex(key))
            print("ok", flush=True)
        else:
            protocol, name, packet = words
            print(contexts[name].turn(protocol, bytes.fromhex(packet)), flush=True)


main()
