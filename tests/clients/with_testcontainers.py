"""A container that is started, waited for, looked into and removed by testcontainers."""

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

# The reaper is a Linux image that wants the socket of the daemon as a mount.
testcontainers_config.ryuk_disabled = True

container = (
    DockerContainer("alpine")
    .with_command(["sh", "-c", "echo ready; exec sleep 600"])
    .with_env("ZOO", "open")
    .with_kwargs(network_mode="none")
    .waiting_for(LogMessageWaitStrategy("ready"))
)
with container:
    result = container.exec(["sh", "-c", "printenv ZOO; exit 3"])
    assert (result.exit_code, result.output) == (3, b"open\n"), result
    assert container.get_logs() == (b"ready\n", b""), container.get_logs()
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    assert wrapped.status == "running", wrapped.status
    print(wrapped.id)
