"""An SMTP server that keeps what it is given: `server.py [starttls|tls|none] [CERTIFICATE KEY]`.

With STARTTLS or TLS it wants a login, and nothing before it is encrypted. Prints `port N`, then each letter as a
line of JSON. SMTP_TEST_REFUSE letters are refused before the first is taken.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

LOGIN = (b"relay@example.com", b"correct horse")


class Keeper:
    def __init__(self):
        self.refusals = int(os.environ.get("SMTP_TEST_REFUSE", "0"))

    async def handle_DATA(self, server, session, envelope):
        if self.refusals > 0:
            self.refusals -= 1
            print(json.dumps({"refused": True}), flush=True)
            return "451 4.3.0 Try again later"
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "subject": letter["subject"],
                    "id": letter["message-id"],
                    "auto": letter["auto-submitted"],
                    "text": letter.get_content(),
                    "encrypted": session.ssl is not None,
                    "login": session.authenticated,
                }
            ),
            flush=True,
        )
        return "250 2.0.0 Kept"


def authenticate(server, session, envelope, mechanism, data):
    # Not handled: the library says 535 to whoever is wrong.
    return AuthResult(success=(data.login, data.password) == LOGIN, handled=False)


async def main():
    mode = sys.argv[1]
    context = None
    if mode != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    keeper = Keeper()

    def session():
        options = {"hostname": "localhost"}
        if mode == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if mode != "none":
            # Wrapped in TLS from the first byte the library does not see that it is encrypted.
            options |= {
                "authenticator": authenticate,
                "auth_required": True,
                "auth_require_tls": mode == "starttls",
            }
        return SMTP(keeper, **options)

    wrap = context if mode == "tls" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=wrap)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    # Ends with whoever started it.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
