//! Clients of the Docker Engine API that others wrote do what they do with any Docker daemon. One module per client.

mod bollard;
mod compose;
mod docker_py;
mod dockerode;
mod images;
mod testcontainers;
