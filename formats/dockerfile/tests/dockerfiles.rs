//! Whole Dockerfiles: what they mean, what is refused and in which words, and that nothing makes the parser panic.

use casement_dockerfile::{Argument, Command, CommandLine, CopyFiles, Dockerfile, Instruction, Pair, Run, Words};

fn parsed(text: &str) -> Dockerfile {
    Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn instructions(text: &str) -> Vec<Instruction> {
    let file = parsed(&format!("FROM x\n{text}"));
    file.stages[0].commands.iter().map(|command| command.instruction.clone()).collect()
}

fn refusal(text: &str) -> String {
    Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn stages_have_names_and_arguments_before_them() {
    let file = parsed("# escape=`\nARG TAG=1809\nFROM --platform=windows a:${TAG} AS Build\nRUN x\nFROM b\nUSER y\n");
    assert_eq!(file.escape, '`');
    assert!(matches!(&file.arguments[0].instruction, Instruction::Arg(arguments)
        if arguments == &[Argument { name: "TAG".to_owned(), value: Some("1809".to_owned()) }]));
    assert_eq!((file.stages[0].base.as_str(), file.stages[0].name.as_deref()), ("a:${TAG}", Some("build")));
    assert_eq!(file.stages[0].platform, "windows");
    assert_eq!(file.stages[0].source, "FROM --platform=windows a:${TAG} AS Build");
    assert_eq!((file.stage_index("BUILD"), file.stage_index("1"), file.stage_index("2")), (Some(0), Some(1), None));
}

#[test]
fn shell_forms_are_verbatim_and_exec_forms_arrays() {
    let shell = |text: &str| CommandLine::Shell(text.to_owned());
    for (text, line) in [
        (r#"RUN  mkdir "c:/a  b" && echo 'x'"#, shell(r#"mkdir "c:/a  b" && echo 'x'"#)),
        (r#"RUN ["cmd", "/c", "a b"]"#, CommandLine::Exec(vec!["cmd".to_owned(), "/c".to_owned(), "a b".to_owned()])),
        (r#"RUN ["c:\x"]"#, shell(r#"["c:\x"]"#)),
        (r#"RUN ["a"] x"#, shell(r#"["a"] x"#)),
        ("RUN %PATH% ^& $x", shell("%PATH% ^& $x")),
        ("RUN []", CommandLine::Empty),
    ] {
        assert_eq!(instructions(text), [Instruction::Run(Run { line, ..Run::default() })], "{text}");
    }
    let with_flags = instructions("RUN --mount=type=cache,target=/x --network=none  go \"build\"");
    let Instruction::Run(run) = &with_flags[0] else { panic!("{with_flags:?}") };
    assert_eq!((run.line.clone(), run.network.as_str()), (shell("go \"build\""), "none"));
    assert_eq!(run.mounts, ["type=cache,target=/x"]);
    assert_eq!(instructions("CMD echo\tx"), [Instruction::Cmd(shell("echo\tx"))]);
}

#[test]
fn pairs_have_two_forms() {
    let pair = |name: &str, value: &str| Pair { name: name.to_owned(), value: value.to_owned() };
    assert_eq!(instructions("ENV a b c"), [Instruction::Env(vec![pair("a", "b c")])]);
    assert_eq!(
        instructions("ENV a=\"b c\" d=e\\ f"),
        [Instruction::Env(vec![pair("a", "\"b c\""), pair("d", "e\\ f")])]
    );
    assert_eq!(instructions("LABEL x=y"), [Instruction::Label { labels: vec![pair("x", "y")], literal: false }]);
}

#[test]
fn copies_know_their_flags_and_files() {
    let copy = instructions("COPY --from=build --chown=ContainerUser a b/ C:/x/");
    let expected = CopyFiles {
        sources: vec!["a".to_owned(), "b/".to_owned()],
        destination: "C:/x/".to_owned(),
        from: "build".to_owned(),
        chown: "ContainerUser".to_owned(),
        ..CopyFiles::default()
    };
    assert_eq!(copy, [Instruction::Copy(expected)]);
    assert!(matches!(&instructions(r#"COPY ["a b", "c:\\x\\"]"#)[0], Instruction::Copy(copy)
        if copy.sources == ["a b"] && copy.destination == r"c:\x\"));
    let inline = instructions("COPY <<one.txt <<-'two' /x/\n1 $A\none.txt\n\t2\n\ttwo\nRUN y");
    let Instruction::Copy(copy) = &inline[0] else { panic!("{inline:?}") };
    let files: Vec<_> = copy.files.iter().map(|file| (file.name.as_str(), file.text(), file.expand)).collect();
    assert_eq!(files, [("one.txt", "1 $A\n".to_owned(), true), ("two", "2\n".to_owned(), false)]);
    assert_eq!(inline.len(), 2);
}

#[test]
fn refusals_are_in_dockers_words() {
    for (text, why) in [
        ("", "the Dockerfile (Dockerfile) cannot be empty"),
        ("# nothing\n", "failed to parse Dockerfile: file with no instructions"),
        ("FORM x", "dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)"),
        ("FROM x\n\nXYZZY bar", "dockerfile parse error on line 3: unknown instruction: XYZZY"),
        ("RUN x", "no build stage in current context"),
        ("FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments"),
        (
            "FROM x AS 1",
            "dockerfile parse error on line 1: invalid name for build stage: \"1\", name can't start with a number or contain symbols",
        ),
        ("FROM x\nENV a", "failed to parse Dockerfile: ENV must have two arguments"),
        (
            "FROM x\nENV a=b c",
            "failed to parse Dockerfile: Syntax error - can't find = in \"c\". Must be of the form: name=value",
        ),
        ("FROM x\nENV", "dockerfile parse error on line 2: ENV requires at least one argument"),
        (
            "FROM x\nCOPY a",
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined",
        ),
        ("FROM x\nCOPY --form=y a b", "dockerfile parse error on line 2: unknown flag: --form (did you mean --from?)"),
        ("FROM x\nWORKDIR", "dockerfile parse error on line 2: WORKDIR requires exactly one argument"),
        ("FROM x\nSHELL cmd", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form"),
        (
            "FROM x\nRUN [\"a\", 1]",
            "failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("FROM x\nONBUILD FROM y", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"),
        (
            "FROM x\nONBUILD ONBUILD RUN y",
            "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
        ("FROM x\nHEALTHCHECK FOO", "dockerfile parse error on line 2: Unknown type \"FOO\" in HEALTHCHECK (try CMD)"),
        ("FROM x\nHEALTHCHECK CMD", "dockerfile parse error on line 2: Missing command after HEALTHCHECK CMD"),
        ("FROM x\nCOPY <<EOF /x", "failed to parse Dockerfile: unterminated heredoc"),
    ] {
        assert_eq!(refusal(text), why, "{text}");
    }
    assert!(refusal("FROM x\nSHELL [\"c:\\x.exe\"]").contains("JSON requires back-slashes to be escaped"));
}

#[test]
fn triggers_are_kept_as_they_were_written() {
    assert_eq!(instructions("onbuild  RUN a  \"b\""), [Instruction::Onbuild("RUN a  \"b\"".to_owned())]);
    let trigger = Dockerfile::parse_instruction("RUN a  \"b\"").unwrap();
    assert!(matches!(trigger.instruction, Instruction::Run(_)));
    let with_file = instructions("ONBUILD COPY <<EOF /x\ntext\nEOF\n");
    assert_eq!(with_file, [Instruction::Onbuild("COPY <<EOF /x\ntext\nEOF".to_owned())]);
    let Instruction::Onbuild(text) = &with_file[0] else { unreachable!() };
    assert!(matches!(Dockerfile::parse_instruction(text).unwrap().instruction, Instruction::Copy(_)));
    assert_eq!(Command::label("a", "$b").source, "LABEL a=$b");
}

#[test]
fn variables_are_replaced_where_docker_replaces_them() {
    let expanded = |text: &str| {
        let words = Words::new('`');
        let file = parsed(&format!("# escape=`\nFROM x\n{text}"));
        let instruction = &file.stages[0].commands[0].instruction;
        instruction.expanded(&mut |word| words.expand(word, &|name| Some(format!("<{name}>")))).unwrap()
    };
    assert_eq!(expanded("WORKDIR C:\\$A\\`$B"), Instruction::Workdir("C:\\<A>\\$B".to_owned()));
    assert_eq!(expanded("USER ${U}"), Instruction::User("<U>".to_owned()));
    assert!(matches!(expanded("RUN $A"), Instruction::Run(run) if run.line == CommandLine::Shell("$A".to_owned())));
    assert!(matches!(expanded("COPY $A c:\\$B\\"), Instruction::Copy(copy)
        if copy.sources == ["<A>"] && copy.destination == "c:\\<B>\\"));
    assert!(matches!(expanded("ENV $A=\"$B c\""), Instruction::Env(pairs)
        if pairs == [Pair { name: "<A>".to_owned(), value: "<B> c".to_owned() }]));
}

/// Pieces that make trouble, put together at random.
#[test]
fn nothing_makes_the_parser_panic() {
    const PIECES: [&str; 44] = [
        "FROM ",
        "RUN ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "SHELL ",
        "LABEL ",
        "EXPOSE ",
        "VOLUME ",
        "WORKDIR ",
        "CMD ",
        "ENTRYPOINT ",
        "STOPSIGNAL ",
        "--mount=",
        "type=cache,",
        "--from=",
        "--",
        "=",
        "\\",
        "`",
        "\n",
        "\r\n",
        "# escape=`\n",
        "#",
        "<<EOF",
        "EOF\n",
        "<<-'",
        "\"",
        "'",
        "[",
        "]",
        "\",",
        "${",
        "}",
        ":-",
        "$A",
        "%%*",
        "é\u{301}",
        "\t",
        "\u{0}",
        "x y",
    ];
    let mut random = fastrand::Rng::with_seed(0x0d0c_4e2f_11e5);
    for _ in 0..60_000 {
        let text: String = (0..random.usize(..24)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
        let words = Words::new('\\');
        let mut expand = |word: &str| words.expand(word, &|name| (name == "A").then(|| "a b".to_owned()));
        if let Ok(file) = Dockerfile::parse("Dockerfile", text.as_bytes()) {
            for command in file.stages.iter().flat_map(|stage| &stage.commands) {
                let _ = command.instruction.expanded(&mut expand);
                if let Instruction::Onbuild(trigger) = &command.instruction {
                    let _ = Dockerfile::parse_instruction(trigger);
                }
            }
        }
        let _ = expand(&text);
        let _ = words.expand_text(&text, &|_| None);
        let _ = words.expand_to_words(&text, &|_| None);
        let bytes: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
        let _ = Dockerfile::parse("Dockerfile", &bytes);
    }
}
