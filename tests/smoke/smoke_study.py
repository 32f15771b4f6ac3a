"""How the smoke study is started."""

SMOKE = ("--cores", "2", "--configfile", "config/smoke.yaml")
# whoever would reach for the network finds a door that nobody opens
NO_NETWORK = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
