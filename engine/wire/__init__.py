"""Wire: how two organizations' gateways speak, and how this organization's people reach their own owner process.

    authority    the gateway's own certificate authority and its short-lived certificates
    tls          TLS contexts, and whose certificate a leaf is
    routes       what a partner may ask for, and how large it may be
    messages     the JSON bodies                    pack, bitmap, problem   the other bodies
    courier      the client: calls a partner        upload, dial            chunks over several connections
    listeners    the owner's side of the processes that face the network
    worker       such a process: `listener` is what it answers, `sink` where chunks go, `journal` what came
    refusals     what such a process refused, told to the owner, who records it
    control      the owner's application behind the listeners, which hands requests to `Handlers`
    operations   the owner's application for its own people; `owner` is its client
    witness_server, witnessing   a third party's witness as a service, and asking one
    unix         unix sockets: an application on one, and a client for one

Invariants:
    1. Who asks is known from the TLS certificate alone, verified against the bundle of the one organization it
       names. Bundles are never merged for that decision.
    2. A chunk is taken only if an open offer of that peer names it, and acknowledged only when it is durable.
    3. A listener process holds no key that signs, logs or reads what is stored; the owner verifies again whatever
       a listener tells it.
    4. Everything has a limit: heads, bodies, connections, time. Nothing is read before its size is known.
    5. What another organization holds cannot be found out: unknown and foreign transfers answer alike.

Specifications: HTTP/1.1 (RFC 9112), TLS 1.3 (RFC 8446), problem details (RFC 9457), SPIFFE X.509-SVID,
C2SP tlog-tiles and tlog-witness. The bytes are in `docs/formats/wire.md`.

Importing this package imports nothing else. Listener processes must stay light, so `sink`, `listener` and `worker`
import neither `messages` nor anything else that needs pydantic, SQLAlchemy, Sigstore or Cedar.
"""
