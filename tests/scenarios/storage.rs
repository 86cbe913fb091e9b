//! Drive C: the layers of the image, shared by all containers, under the scratch that each has of its own.

use casement_tests::Host;

fn cmd(host: &Host, container: &str, command: &str) -> String {
    host.casement(["exec", "-u", "ContainerAdministrator", container, "cmd", "/c", command])
        .succeeded()
        .text()
        .to_owned()
}

fn start(host: &Host) -> String {
    let id = host.start_container(&["-u", "ContainerAdministrator"], &[r"C:\t\ctrl.exe", r"C:\event.txt", "600"]);
    casement_tests::deadline::until("the program is ready", || host.casement(["logs", &id]).stdout.contains("ready"));
    id
}

#[test]
fn containers_share_the_image_and_not_their_changes() {
    let host = Host::start();
    let (one, other) = (start(&host), start(&host));
    assert_eq!(cmd(&host, &one, r"echo one> C:\mine.txt& del C:\Windows\System32\find.exe& type C:\mine.txt"), "one");
    assert_eq!(cmd(&host, &other, r"if exist C:\mine.txt (echo seen) else echo unseen"), "unseen");
    assert_eq!(cmd(&host, &one, r"if exist C:\Windows\System32\find.exe (echo there) else echo gone"), "gone");
    assert_eq!(cmd(&host, &other, r"if exist C:\Windows\System32\find.exe (echo there) else echo gone"), "there");
    let _ = host.casement(["rm", "-f", &one]).succeeded();
    assert_eq!(cmd(&host, &start(&host), r"if exist C:\mine.txt (echo seen) else echo unseen"), "unseen");
}

#[test]
fn the_registry_of_a_container_is_its_own() {
    let host = Host::start();
    let (one, other) = (start(&host), start(&host));
    cmd(&host, &one, r"reg add HKLM\Software\Zoo /v Animal /d Bear");
    assert!(cmd(&host, &one, r"reg query HKLM\Software\Zoo /v Animal").contains("Bear"));
    assert!(!host.casement(["exec", &other, "reg", "query", r"HKLM\Software\Zoo"]).stdout.contains("Bear"));
}

#[test]
fn files_and_registry_are_there_again_after_stop_and_start() {
    let host = Host::start();
    let id = start(&host);
    cmd(
        &host,
        &id,
        r"echo kept> C:\kept.txt& reg add HKLM\Software\Zoo /v Animal /d Bear& reg add HKCU\Software\Zoo /v Plant /d Fern",
    );
    let _ = host.casement(["stop", &id]).succeeded();
    let _ = host.casement(["start", &id]).succeeded();
    assert_eq!(cmd(&host, &id, r"type C:\kept.txt"), "kept");
    assert!(cmd(&host, &id, r"reg query HKLM\Software\Zoo /v Animal").contains("Bear"));
    assert!(cmd(&host, &id, r"reg query HKCU\Software\Zoo /v Plant").contains("Fern"));
}

#[test]
fn names_differ_by_more_than_case_and_keep_the_case_they_were_made_with() {
    let host = Host::start();
    let id = start(&host);
    assert_eq!(cmd(&host, &id, r"echo one> C:\MixedCase.txt& type c:\mixedcase.TXT"), "one");
    assert!(cmd(&host, &id, r"dir /b C:\").contains("MixedCase.txt"));
    assert_eq!(cmd(&host, &id, r"if exist C:\WINDOWS\SYSTEM32\KERNEL32.DLL echo there"), "there");
}

#[test]
fn removing_containers_leaves_nothing_of_them() {
    let host = Host::start();
    let ids = [start(&host), start(&host)];
    for id in &ids {
        cmd(&host, id, r"mkdir C:\a\b\c& echo x> C:\a\b\c\d.txt");
    }
    let _ = host.casement(["stop", &ids[0]]).succeeded();
    let _ = host.casement(["rm", &ids[0]]).succeeded();
    let _ = host.casement(["rm", "-f", &ids[1]]).succeeded();
    assert_eq!(host.leftovers(), [] as [String; 0]);
}
