//! Words become one Windows command line, quoted by the rules that Windows programs take it apart by.

use casement_tests::Host;

#[test]
fn words_arrive_as_they_were_given() {
    let host = Host::start();
    let words = ["a b", r#"c"d"#, r"e\", r"f g\", "", r#"\\"h\\i"#, "j\tk", "%PATH%", "^&|<>", "--rm", "'single'"];
    let mut line = vec!["args.exe"];
    line.extend(words);
    let output = host.run_program(&line).succeeded();
    for (index, word) in words.iter().enumerate() {
        assert_eq!(output.after(&format!("argv[{}]: ", index + 1)), format!("<{word}>"), "{output}");
    }
    assert!(!output.stdout.contains(&format!("argv[{}]", words.len() + 1)), "{output}");
}

#[test]
fn characters_beyond_ascii_arrive() {
    let host = Host::start();
    let output = host.run_program(&["args.exe", "ünïcødé 日本語 🚢"]).succeeded();
    assert_eq!(output.after("command line: "), r#"<C:\t\args.exe "ünïcødé 日本語 🚢">"#);
}

#[test]
fn cmd_gets_its_command_as_one_word_or_many() {
    let host = Host::start();
    for words in [&["cmd", "/c", "echo a b"][..], &["cmd", "/c", "echo", "a", "b"], &["cmd", "/c", "(echo a b)"]] {
        let line = ["run", "--rm", "nanoserver"].iter().chain(words);
        assert_eq!(host.casement(line).succeeded().text(), "a b", "{words:?}");
    }
}

#[test]
fn programs_are_found_by_name_path_and_without_extension() {
    let host = Host::start();
    for program in ["hostname", "hostname.exe", r"C:\Windows\System32\hostname.exe", r"c:/windows/system32/HOSTNAME"] {
        let output = host.casement(["run", "--rm", "--hostname", "found", "nanoserver", program]).succeeded();
        assert_eq!(output.text().to_ascii_lowercase(), "found", "{output}");
    }
}

#[test]
fn without_a_command_the_command_of_the_image_runs() {
    let host = Host::start();
    let mut shell = host.background(["run", "--rm", "-i", "nanoserver"]);
    // One line at a time: Wine's cmd loses the second of two lines that arrive together.
    shell.write(b"echo system %OS%\r\n");
    shell.await_stdout("system Windows_NT");
    shell.write(b"exit 5\r\n");
    let _ = shell.wait().exited(5);
}

#[test]
fn an_entry_point_comes_before_the_words() {
    let host = Host::start();
    let output = host.casement(["run", "--rm", "--entrypoint", "cmd", "nanoserver", "/c", "echo entered"]).succeeded();
    assert_eq!(output.text(), "entered");
}
