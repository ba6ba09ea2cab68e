//! Answers of whole Dockerfiles.

use std::collections::BTreeMap;

use super::{Dockerfile, Flaw, Kind, Listing, NamedContext, Platform, Question, Role, inputs};

fn question() -> Question {
    Question::new("Dockerfile", Platform::new("linux", "arm64", ""))
}

fn codes(flaws: &[Flaw]) -> Vec<&str> {
    flaws.iter().map(|f| f.code).collect()
}

#[test]
fn mistakes_are_found_all_at_once_with_their_places() {
    let check = |text: &[u8], expected: &[&str], at: &[u8]| {
        let flaws = Dockerfile::parse(text).unwrap_err();
        assert_eq!(codes(&flaws), expected, "{}", String::from_utf8_lossy(text));
        assert_eq!(&text[flaws[0].span.clone()], at);
    };
    check(b"", &["empty-dockerfile"], b"");
    check(b"\xef\xbb\xbf \n", &["empty-dockerfile"], b"");
    check(b"FROM a\nRUN \xff\n", &["not-utf-8"], b"\xff");
    check(b"# only\nARG A\n", &["no-from"], b"");
    check(
        b"FROM a\nCOPI x y\nUSER\nFROM\n",
        &["unknown-instruction", "dockerfile-syntax", "dockerfile-syntax"],
        b"COPI x y",
    );
    check(b"FROM a\n  RUN --mont=x y \\\n  z\n", &["unknown-flag"], b"RUN --mont=x y \\\n  z");
    check(b"COPY a b\nFROM a\n", &["before-from"], b"COPY a b");
    check(b"FROM a\nCOPY <<X /y\nbody\n", &["open-heredoc"], b"COPY <<X /y");
    check(b"# escape=?\nFROM a\n", &["bad-directive"], b"# escape=?");
}

#[test]
fn nearest_names_are_told() {
    let flaws = Dockerfile::parse(b"FROM a\nCOPI x y\nCOPY --form=b x y\n").unwrap_err();
    let hints: Vec<_> = flaws.iter().map(|f| f.hint.as_deref().unwrap_or_default()).collect();
    assert_eq!(hints, ["did you mean `COPY`?", "did you mean `from`?"]);
    let file = Dockerfile::parse(b"FROM a AS release\n").unwrap();
    let flaws = file.answer(&Question { stage: Some("relase".to_owned()), ..question() }).unwrap_err();
    assert_eq!((flaws[0].code, flaws[0].hint.as_deref()), ("unknown-stage", Some("did you mean `release`?")));
}

#[test]
fn images_have_roles_and_platforms() {
    let text = "# syntax=docker/dockerfile:1\nARG V=1\nFROM --platform=$BUILDPLATFORM golang:$V AS b\n\
        RUN --mount=from=ghcr.io/a/uv,source=/uv,target=/uv true\nFROM unused AS u\nFROM b AS c\nFROM scratch\n\
        COPY --from=busybox /x /\nCOPY --from=c /y /\n";
    let mut question = question();
    question.build_platform = Platform::new("linux", "amd64", "");
    let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question).unwrap();
    let images: Vec<_> =
        answer.images.iter().map(|i| format!("{} {:?} {} {}", i.reference, i.role, i.line, i.platform)).collect();
    let expected = [
        "docker/dockerfile:1 Frontend 1 linux/amd64",
        "golang:1 From 3 linux/amd64",
        "ghcr.io/a/uv Mount 4 linux/arm64",
        "busybox CopyFrom 8 linux/arm64",
    ];
    assert_eq!(images, expected);
    assert_eq!((answer.images[1].written.as_str(), answer.images[3].written.as_str()), ("golang:$V", "busybox"));
    let stages: Vec<_> = answer.stages.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(stages, ["b", "c", "3"]);
    assert!(answer.runs);
}

#[test]
fn flaws_of_one_build() {
    let check = |text: &str, expected: &[&str]| {
        let result = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question());
        assert_eq!(codes(&result.unwrap_err()), expected, "{text}");
    };
    check("FROM $X\nFROM golang:$X\n", &["empty-from", "bad-reference"]);
    check("FROM a AS x\nCOPY --from=x y /\n", &["stage-circle"]);
    check("FROM a AS x\nCOPY --from=y y /\nFROM x AS y\nFROM x\n", &["stage-order"]);
    check("FROM a\nCOPY --from=$X y /\nCOPY --from=3 y /\n", &["from-variable", "unknown-stage"]);
    check("FROM a\nCOPY ${X:?no} /\nRUN --mount=type=x true\n", &["bad-variable", "bad-mount"]);
    check("FROM --platform=$X a\n", &["bad-platform"]);
    check("FROM a\nCOPY https://example.com/x /\n", &["url-source"]);
}

#[test]
fn warnings_name_what_surprises() {
    let text = "ARG TARGETARCH=amd64\nFROM a\nARG TARGETOS=linux\nARG VERSION\n";
    let mut question = question();
    for name in ["VERSIN", "TOKEN", "TARGETARCH", "SOURCE_DATE_EPOCH", "http_proxy"] {
        question.args.insert(name.to_owned(), "x".to_owned());
    }
    let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question).unwrap();
    let found = codes(&answer.warnings);
    assert_eq!(
        found,
        ["platform-default", "platform-argument", "unused-argument", "secret-argument", "unused-argument"]
    );
    question.args.clear();
    let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question).unwrap();
    assert_eq!(codes(&answer.warnings), ["platform-default", "platform-default"]);
}

#[test]
fn arguments_without_a_value() {
    let check = |text: &str, expected: &[&str]| {
        let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question()).unwrap();
        assert_eq!(codes(&answer.warnings), expected, "{text}");
    };
    let code = ["argument-without-value"];
    check("FROM a\nARG VER\nRUN curl https://example.com/${VER}/x\n", &code);
    check("FROM a\nARG VER\nRUN echo $VER\n", &code);
    check("ARG VER=1\nFROM a\nARG VER\nRUN echo $VER\n", &[]);
    check("FROM a\nARG VER\nRUN echo ${VER:-1} $VERSION\n", &[]);
    check("FROM a\nARG VER\n# $VER\n", &[]);
    check("FROM a\nARG VER\nENV A=1 \\\n  VER=2\nRUN echo $VER\n", &[]);
    check("FROM a\nARG VER\nENV VER 2\nRUN echo $VER\n", &[]);
    check("FROM a\nARG VER\nRUN <<E\necho $VER\nE\n", &code);
    check("FROM a\nARG TARGETARCH HTTP_PROXY\nRUN echo $TARGETARCH $HTTP_PROXY\n", &[]);
}

#[test]
fn secrets_urls_and_features() {
    let text = "FROM a\nRUN --mount=type=secret,id=k,required --mount=type=secret,target=/run/secrets/t \
        --mount=type=ssh --network=none true\nADD --checksum=sha256:1 https://example.com/a.tgz /\n\
        ADD https://example.com/a.git#v1 /\nHEALTHCHECK CMD true\nONBUILD RUN x\nSHELL [\"a\"]\nCOPY <<E /\nE\n";
    let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question()).unwrap();
    let secrets: Vec<_> = answer.secrets.iter().map(|s| (s.id.as_str(), s.required)).collect();
    assert_eq!(secrets, [("k", true), ("t", false)]);
    let urls: Vec<_> = answer.urls.iter().map(|u| (u.git, u.checksum.is_some())).collect();
    assert_eq!(urls, [(false, true), (true, false)]);
    let features: Vec<_> = answer.features.iter().map(|f| format!("{} {}", f.name, f.line)).collect();
    assert_eq!(
        features,
        [
            "network 2",
            "mount-secret 2",
            "mount-ssh 2",
            "checksum 3",
            "add-url 3",
            "add-git 4",
            "healthcheck 5",
            "onbuild 6",
            "shell 7",
            "heredoc 8",
        ]
    );
    assert!(answer.reads.is_empty());
}

#[test]
fn what_nobody_knows_takes_the_whole_context() {
    let listing = Listing::new(["a/x", "b"].map(|p| (p.to_owned(), Kind::File { executable: false })));
    let taken = |text: &str, question: &Question| {
        let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(question).unwrap();
        let inputs = inputs(&answer, &listing, &BTreeMap::new()).unwrap();
        (inputs.list.iter().map(|i| i.path.clone()).collect::<Vec<_>>().join(" "), inputs.wide.join(";"))
    };
    let text = "FROM base\nENV P=$HOME_OF_BASE/x\nCOPY a$P /\n";
    let (all, why) = taken(text, &question());
    assert_eq!(all, "a/x b");
    assert!(why.contains("`$HOME_OF_BASE` may come from the base image `base`"), "{why}");
    let mut known = question();
    known.base_env.insert("base".to_owned(), vec!["HOME_OF_BASE=".to_owned()]);
    assert_eq!(taken(text, &known), ("a/x".to_owned(), String::new()));
    known.unknown_bases.insert("base".to_owned());
    let (all, why) = taken(text, &known);
    assert_eq!(all, "a/x b");
    assert!(why.contains("ONBUILD"), "{why}");
}

#[test]
fn hidden_and_missing_sources_are_told_apart() {
    let listing = Listing::new(["dist/app.js", "app.txt"].map(|p| (p.to_owned(), Kind::File { executable: false })));
    let listing = listing.apply(&super::IgnoreFile::parse(b"x\ndist\n").unwrap());
    let check = |text: &str, code: &str, part: &str| {
        let answer = Dockerfile::parse(text.as_bytes()).unwrap().answer(&question()).unwrap();
        let flaws = inputs(&answer, &listing, &BTreeMap::new()).unwrap_err();
        assert_eq!(flaws[0].code, code);
        let all = format!("{} {}", flaws[0].message, flaws[0].hint.as_deref().unwrap_or_default());
        assert!(all.contains(part), "{all}");
    };
    check("FROM scratch\nCOPY dist/app.js /\n", "hidden-source", "`.dockerignore` line 2 hides");
    check("FROM scratch\nCOPY dist /\n", "hidden-source", "`.dockerignore` line 2 hides");
    check("FROM scratch\nCOPY app.tx /\n", "missing-source", "did you mean `app.txt`?");
}

#[test]
fn the_recipe_forgets_comments_and_other_stages() {
    let recipe = |text: &str| Dockerfile::parse(text.as_bytes()).unwrap().answer(&question()).unwrap().recipe;
    let one = recipe("# a\nFROM a AS x\nCOPY b \\\n# c\n  /\n");
    assert_eq!(one, recipe("# other\nFROM q AS unused\nRUN y\nFROM a AS x\n\nCOPY b \\\n  /\n"));
    assert_ne!(one, recipe("FROM a AS x\nCOPY b  \\\n  /\n"));
    assert_ne!(recipe("FROM a\nRUN <<E\nx\nE\n"), recipe("FROM a\nRUN <<E\ny\nE\n"));
}

#[test]
fn an_image_as_named_context_is_given() {
    let mut question = question();
    question.contexts.insert("base".to_owned(), NamedContext::Image);
    let answer = Dockerfile::parse(b"FROM base\nCOPY --from=base a /\n").unwrap().answer(&question).unwrap();
    assert!(answer.images.iter().all(|i| i.given) && answer.reads.is_empty());
    assert_eq!(answer.images[1].role, Role::CopyFrom);
}
