"""A container that is started, waited for, looked into and removed by testcontainers."""

import os
import urllib.request

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

# The reaper is a Linux image that wants the socket of the daemon as a mount.
testcontainers_config.ryuk_disabled = True

SERVER = "require('http').createServer((q, s) => s.end('served')).listen(80, () => console.log('ready'))"

container = (
    DockerContainer("alpine")
    .with_command([r"C:\t\real\node\node.exe", "-e", SERVER])
    .with_env("ZOO", "open")
    .with_volume_mapping(os.environ["PROGRAMS"], r"C:\t")
    .with_exposed_ports(80)
    .waiting_for(LogMessageWaitStrategy("ready"))
)
with container:
    result = container.exec(["sh", "-c", "printenv ZOO; exit 3"])
    assert (result.exit_code, result.output) == (3, b"open\n"), result
    assert container.get_logs() == (b"ready\n", b""), container.get_logs()
    # "localhost" would be tried with version 6 first, which the network has not.
    address = f"http://127.0.0.1:{container.get_exposed_port(80)}/"
    assert urllib.request.urlopen(address, timeout=60).read() == b"served"
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    assert wrapped.status == "running", wrapped.status
    print(wrapped.id)
