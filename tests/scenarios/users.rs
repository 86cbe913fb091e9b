//! Who a program is, and what the machine it runs on is called.

use casement_tests::Host;

#[test]
fn nanoserver_runs_as_container_user_with_that_profile() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "nanoserver", "cmd", "/c", "whoami& echo %USERPROFILE%"]).succeeded();
    let lines = output.lines();
    assert!(lines[0].to_ascii_lowercase().ends_with(r"\containeruser"), "{output}");
    assert_eq!(lines[1], r"C:\Users\ContainerUser");
}

#[test]
fn the_administrator_is_one_and_the_user_is_not() {
    let host = Host::start();
    let administrator = host.run_program_with(&["-u", "ContainerAdministrator"], &["token.exe"]).exited(1);
    assert_eq!(administrator.after("user "), "ContainerAdministrator");
    assert_eq!(administrator.after("administrator "), "1");
    let user = host.run_program_with(&["-u", "ContainerUser"], &["token.exe"]).exited(0);
    assert_eq!(user.after("user "), "ContainerUser");
    assert_eq!(user.after("administrator "), "0");
}

#[test]
fn both_users_can_write_to_their_profile_and_temporary_directories() {
    let host = Host::start();
    for user in ["ContainerUser", "ContainerAdministrator"] {
        let command = r"echo kept> %USERPROFILE%\a.txt& echo kept> %TEMP%\b.txt& type %USERPROFILE%\a.txt %TEMP%\b.txt";
        let output = host.casement(["run", "--rm", "-u", user, "nanoserver", "cmd", "/c", command]).succeeded();
        assert_eq!(output.stdout.matches("kept").count(), 2, "{output}");
    }
}

#[test]
fn an_unknown_user_is_refused() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "-u", "Nobody", "nanoserver", "whoami"]).exited(125);
    assert!(output.stderr.contains("The user name or password is incorrect. (0x52e)"), "{output}");
}

#[test]
fn a_program_sees_the_host_name_it_was_given_or_the_short_id() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "--hostname", "web-1", "nanoserver", "hostname"]).succeeded();
    assert_eq!(output.text().to_ascii_lowercase(), "web-1");
    let id = host.start_container(&[], &["hostname"]);
    assert_eq!(host.wait(&id), 0);
    let logged = host.casement(["logs", &id]).succeeded();
    assert_eq!(logged.text().to_ascii_lowercase(), id[..12]);
}
