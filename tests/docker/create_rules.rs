//! `docker create`: what is refused, and in which words.

use casement_tests::Host;

#[test]
fn an_image_that_is_not_there_is_not_found() {
    let host = Host::start();
    let output = host.docker(["create", "--pull", "never", "no-such-image"]);
    assert_eq!(output.code(), 1, "{output}");
    assert!(output.stderr.contains("No such image: no-such-image"), "{output}");
}
