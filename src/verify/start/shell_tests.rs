//! Texts of entrypoints, and what they surely start.

use super::*;

fn shown(text: &str) -> String {
    let reading = read(text);
    let word = |word: &Word| match word {
        Word::Text(text) => text.clone(),
        Word::Arguments => "@".into(),
        _ => "?".into(),
    };
    let one = |one: &Started| {
        let words: Vec<String> = one.words.iter().map(word).collect();
        format!("{}{}", words.join(" "), if one.sure { "" } else { " (perhaps)" })
    };
    let mut all: Vec<String> = reading.commands.iter().map(one).collect();
    match reading.folder {
        Folder::Same => {}
        Folder::To(folder) => all.push(format!("in {folder}")),
        Folder::Unknown => all.push("somewhere".into()),
    }
    let Keeps { path, libraries, modes, arguments } = reading.keeps;
    for (kept, what) in [(path, "PATH"), (libraries, "libraries"), (modes, "modes"), (arguments, "arguments")] {
        all.extend((!kept).then(|| format!("other {what}")));
    }
    all.join("; ")
}

#[test]
fn what_a_text_starts() {
    let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
    check("#!/bin/sh\nset -e\n\n# hand over\nexec /usr/bin/harbor \"$@\"\n", "/usr/bin/harbor @");
    check("harbor serve", "harbor serve");
    check("PORT=80 exec harbor --port=$PORT", "harbor ?");
    check("exec \"$@\"", "@");
    check("cd /app && ./harbor", "./harbor; in /app");
    check("cd app\ncd bin\n./harbor", "./harbor; in app/bin");
    check("cd \"$HOME\"; ./harbor", "./harbor; somewhere");
    check("npm run migrate && node server.js", "npm run migrate; node server.js (perhaps)");
    check("curl -f http://localhost/ || exit 1", "curl -f http://localhost/");
    check("wget -q x || curl x || exit 1", "curl x (perhaps)");
    check("ps aux | grep harbor", "grep harbor (perhaps)");
    check("harbor &", "");
    check("harbor &\nwait", "");
    check("nginx; tail -f /dev/null", "tail -f /dev/null (perhaps)");
    check("echo up", "");
    check("exec > /var/log/x 2>&1\nexec harbor", "harbor (perhaps)");
    check("exec 2>&1\nexec harbor", "harbor");
    check("exec -a name harbor", "harbor");
    check("curl -o /x http://a/x\nexec /x", "/x (perhaps)");
    check("echo x > /app/run\nexec /app/run", "/app/run (perhaps)");
    check("echo x >&2\nexec /app/run", "/app/run");
    check("chmod +x /x; exec /x", "/x; other modes");
    check("export PATH=/opt/bin:$PATH\nexec harbor", "harbor; other PATH");
    check("export LD_LIBRARY_PATH=/opt/lib\nexec harbor", "harbor; other libraries");
}

#[test]
fn texts_that_may_go_another_way() {
    let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
    check("if [ \"$1\" = serve ]; then exec gunicorn; fi\nexec \"$@\"", "");
    check("if [ \"$1\" = sh ]; then exec sh; fi\nexec /x", "/x (perhaps)");
    check("if [ \"${1#-}\" != \"$1\" ]; then set -- redis-server \"$@\"; fi\nexec \"$@\"", "@; other arguments");
    check("if [ -z \"$A\" ]; then export A=1; fi\nexec /x", "/x");
    check("case \"$1\" in\n  a|b) exec a ;;\n  *) exec b ;;\nesac\n", "");
    check("case $x in a) echo;; esac\nexec /x", "/x");
    check("for f in /a/*; do echo $f; done\nexec /x", "/x");
    check("for f in a b; do . $f; done\nexec \"$@\"", "");
    check("run() {\n  exec /x\n}\nrun \"$@\"", "");
    check("function run {\n  exec /x\n}\nrun", "");
    check("log() { echo $1; }\nlog a\nexec /x", "/x (perhaps)");
    check(". /etc/profile\nexec /x", "/x (perhaps)");
    check("while true; do harbor; done", "");
    check("until nc -z db 5432; do sleep 1; done\nexec /x", "/x");
    check("(cd /a; b)\nexec /x", "/x (perhaps); somewhere");
    check("[ -x /x ] || exit 1\nexec /x", "/x (perhaps)");
    check("cat > /etc/x <<EOF\n$y\nEOF\nexec /x", "/x (perhaps)");
    check("cat <<EOF\nexec /y\nEOF\nexec /x", "/x");
    check("exec $CMD", "");
    check("$CMD; exec \"$@\"", "");
    check("exec \"", "");
    check("[[ $a == b && c ]] && export A=1\nexec /x", "/x");
    check("", "");
    check("fi\n)\n}\nesac ;; exec /x", "/x");
}
