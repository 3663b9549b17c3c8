"""How every script here ends: with a line that tells its weights to the last bit."""

import hashlib


def close(*parameters):
    digest = hashlib.sha256()
    for parameter in parameters:
        digest.update(parameter.detach().numpy().tobytes())
    print("weights", digest.hexdigest()[:16])
