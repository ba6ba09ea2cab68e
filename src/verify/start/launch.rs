//! Follows what an image starts, from its ENTRYPOINT to the last program that is certain: each must be there, be allowed, and
//! be for this platform.

use super::finding::Finding;
use super::interpreter::interpreter;
use super::libraries::{self, Place};
use super::lookup::{Hit, Lookup, Stop};
use super::machine::{Fit, Machine};
use super::misfit;
use super::scene::Scene;
use super::settings::Settings;
use super::shell::{self, Folder};
use super::user::{READ, identify};
use super::words::Word;
use super::wrapper::{Act, act};
use crate::inspect::Program;
use crate::oci::filesystem::{FileSystem, Form, Kind, Way};

/// How many programs start each other.
const DEEPEST: usize = 12;

pub struct Launch<'a> {
    pub files: &'a FileSystem,
    pub settings: &'a Settings,
    pub machine: &'a Machine,
    /// What is certain, and what is not.
    pub refusals: Vec<Finding>,
    pub warnings: Vec<Finding>,
}

impl Launch<'_> {
    fn say(&mut self, scene: &Scene, program: &str, stop: Stop) {
        let text = format!("{}, which {}", scene.tell(program), stop.what);
        let finding = Finding::new(stop.code, &text, &stop.hint);
        let sure = scene.sure && (scene.modes || !stop.about_modes);
        let list = if sure && !stop.only_warns { &mut self.refusals } else { &mut self.warnings };
        if !list.contains(&finding) {
            list.push(finding);
        }
    }

    fn lookup<'s>(&'s self, scene: &'s Scene) -> Lookup<'s> {
        Lookup { files: self.files, settings: self.settings, scene }
    }

    /// Follows a command: the program is its first word.
    pub fn run(&mut self, scene: &Scene, words: &[Word]) {
        let (Some(Word::Text(name)), true) = (words.first(), scene.trail.len() < DEEPEST) else { return };
        let shell_form = matches!(words.get(1), Some(Word::Text(option)) if option == "-c") && scene.trail.is_empty();
        let found = self.lookup(scene).program(name, shell_form);
        let hit = match found {
            Ok(Some(hit)) => hit,
            Ok(None) => return,
            Err(stop) => return self.say(scene, name, stop),
        };
        let Kind::File(content) = &hit.entry.kind else { return };
        let content = content.clone();
        match &content.form {
            Form::Program(program) => self.program(scene, &hit, program, words),
            Form::Damaged(why) => self.say(scene, name, Stop::new("image-cannot-start", why).hint("build it again")),
            Form::Script(text) => self.script(scene, &hit, text, words),
            Form::Foreign(system) => self.say(scene, name, misfit::foreign(system)),
            Form::Text(text) if scene.by_shell => self.text(&scene.after(name), text, &words[1..]),
            _ if scene.by_shell => {}
            form => self.say(scene, name, misfit::neither(form, content.size)),
        }
    }

    fn program(&mut self, scene: &Scene, hit: &Hit, program: &Program, words: &[Word]) {
        let [Word::Text(name), ..] = words else { return };
        match self.machine.fit(&program.arch) {
            Fit::Own => {}
            Fit::Also => self.say(scene, name, misfit::other_bits(&program.arch, self.machine)),
            Fit::Foreign => return self.say(scene, name, misfit::arch(&program.arch, self.machine)),
        }
        if let Some(path) = &program.interpreter {
            let loader = self.files.walk("", path);
            match loader {
                Ok(loader) => self.libraries(scene, hit, program, &loader),
                Err(_) => return self.say(scene, name, misfit::no_loader(path, self.files)),
            }
        }
        self.hand_over(scene, hit, words);
    }

    fn libraries(&mut self, scene: &Scene, hit: &Hit, program: &Program, loader: &Way<'_>) {
        let name = hit.name.as_str();
        if let Some(stop) = misfit::bad_loader(program, loader) {
            return self.say(scene, name, stop);
        }
        if !scene.libraries {
            return;
        }
        let user = scene.user.as_ref().filter(|_| scene.modes);
        let place = Place { files: self.files, user, path: self.settings.library_path() };
        for lack in libraries::lacks(&place, &hit.place, program, loader) {
            self.say(scene, name, misfit::lack(&lack));
        }
    }

    fn script(&mut self, scene: &Scene, hit: &Hit, text: &str, words: &[Word]) {
        let [Word::Text(name), rest @ ..] = words else { return };
        if let Some(user) = scene.user.as_ref().filter(|user| !user.may(&hit.entry, READ)) {
            return self.say(scene, name, misfit::unreadable(user));
        }
        let Some(line) = interpreter(text) else {
            if !scene.by_shell {
                self.say(scene, name, misfit::no_interpreter());
            }
            return;
        };
        if let Some(stop) = misfit::first_line(&line) {
            return self.say(scene, name, stop);
        }
        // The kernel looks for it by its path, never through PATH.
        let path = if line.path.contains('/') { line.path } else { format!("./{}", line.path) };
        let mut next: Vec<Word> =
            [Some(path), line.argument, Some(hit.path.clone())].into_iter().flatten().map(Word::Text).collect();
        next.extend(rest.iter().cloned());
        let scene = Scene { by_shell: false, ..scene.after(name) };
        self.run(&scene, &next);
    }

    /// What a program does with its arguments, if it is known to start or read one of them.
    fn hand_over(&mut self, scene: &Scene, hit: &Hit, words: &[Word]) {
        let [Word::Text(name), ..] = words else { return };
        let base = name.rsplit('/').next().unwrap_or(name);
        let busybox = matches!((base, words.get(1)), ("busybox", Some(Word::Text(_))));
        let words = &words[usize::from(busybox)..];
        let base = match words.first() {
            Some(Word::Text(applet)) if busybox => applet.as_str(),
            _ => base,
        };
        // A script that a shell or an interpreter was called for is the last name on the way already.
        let mut next = Scene { by_shell: true, ..scene.after(name) };
        match act(base, words) {
            Act::Starts(at) => self.run(&next, &words[at..]),
            Act::StartsAs(user, at) => {
                next.user = match &words[user] {
                    Word::Text(user) => identify(user, self.files).ok().flatten(),
                    _ => None,
                };
                self.run(&next, &words[at..]);
            }
            Act::Split(at) => self.split(&next, words, at),
            Act::Text(at) => {
                let Word::Text(text) = &words[at] else { return };
                self.text(&next, text, words.get(at + 2..).unwrap_or_default());
            }
            Act::Script(at) => self.read_script(&next, hit, words, at),
            Act::Reads(at, endings) => {
                if let Word::Text(path) = &words[at]
                    && let Err(stop) = self.lookup(scene).readable(path, endings)
                {
                    self.say(&next, path, stop);
                }
            }
            Act::Unknown => {}
        }
    }

    /// `env -S`: words in one argument. Quotes and variables have rules of their own.
    fn split(&mut self, scene: &Scene, words: &[Word], at: usize) {
        let Word::Text(text) = &words[at] else { return };
        let text = text.trim_start_matches("--split-string=").trim_start_matches("-S");
        if text.contains(['$', '\\', '\'', '"', '#']) {
            return;
        }
        let name = [Word::Text("env".into())].into_iter();
        let inner = text.split_whitespace().map(|word| Word::Text(word.to_owned()));
        let all: Vec<Word> = name.chain(inner).chain(words[at + 1..].iter().cloned()).collect();
        if let Act::Starts(at) = act("env", &all) {
            self.run(scene, &all[at..]);
        }
    }

    /// A shell reads a script, which need not be executable.
    fn read_script(&mut self, scene: &Scene, shell: &Hit, words: &[Word], at: usize) {
        let Word::Text(path) = &words[at] else { return };
        // Without a slash a shell looks in its folder, then in PATH.
        let found = match self.lookup(scene).script(path) {
            Ok(Some(hit)) => hit,
            Ok(None) => return,
            Err(stop) => return self.say(scene, path, stop),
        };
        let Some(content) = found.entry.file() else { return };
        let (Form::Script(text) | Form::Text(text)) = &content.form else { return };
        // It was looked at as the program, if the kernel called the shell for it.
        let named =
            scene.trail.iter().rev().nth(1).is_some_and(|before| found.path.ends_with(before.trim_start_matches('.')));
        let mut next = scene.clone();
        if named {
            next.trail.retain(|name| *name != shell.path);
        } else {
            next.trail.push(path.clone());
        }
        let text = text.clone();
        self.text(&next, &text, &words[at + 1..]);
    }

    /// What a text of the shell surely starts.
    fn text(&mut self, scene: &Scene, text: &str, arguments: &[Word]) {
        let reading = shell::read(text);
        let keeps = reading.keeps;
        let folder = match &reading.folder {
            Folder::Same => scene.folder.clone(),
            Folder::To(path) => self.folder(scene, path),
            Folder::Unknown => None,
        };
        for command in reading.commands {
            let expand = |word: &Word| match word {
                Word::Arguments if keeps.arguments => arguments.to_vec(),
                Word::Arguments => vec![Word::Unknown],
                word => vec![word.clone()],
            };
            let words: Vec<Word> = command.words.iter().flat_map(expand).collect();
            let next = Scene {
                folder: folder.clone(),
                path: scene.path && keeps.path,
                libraries: scene.libraries && keeps.libraries,
                modes: scene.modes && keeps.modes,
                sure: scene.sure && command.sure,
                by_shell: true,
                ..scene.clone()
            };
            self.run(&next, &words);
        }
    }

    fn folder(&self, scene: &Scene, path: &str) -> Option<String> {
        let way = self.files.walk(scene.folder.as_deref()?, path).ok()?;
        way.entry.is_none_or(|entry| entry.kind == Kind::Folder).then_some(way.place)
    }
}
