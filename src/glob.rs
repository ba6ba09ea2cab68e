//! Go's `filepath.Match` on Linux: the globs of COPY and ADD, of `.dockerignore` and `.helmignore`.

#[derive(Debug, PartialEq, Eq)]
pub struct BadPattern;

/// Whether the whole name matches. `*` and `?` stop at a slash.
pub fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let mut pattern: Vec<char> = pattern.chars().collect();
    let mut name: Vec<char> = name.chars().collect();
    while !pattern.is_empty() {
        let chunk = next_chunk(&pattern);
        pattern.drain(..chunk.length);
        let star = chunk.star;
        let chunk = chunk.text;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&'/'));
        }
        let last = pattern.is_empty();
        let mut next = match_chunk(&chunk, &name)?.filter(|left| *left == name.len() || !last);
        if next.is_none() && star {
            next = after_star(&chunk, &name, last)?;
        }
        match next {
            Some(left) => {
                name.drain(..left);
            }
            None => return Ok(false),
        }
    }
    Ok(name.is_empty())
}

struct Chunk {
    star: bool,
    text: Vec<char>,
    length: usize,
}

fn next_chunk(pattern: &[char]) -> Chunk {
    let stars = pattern.iter().take_while(|c| **c == '*').count();
    let mut at = stars;
    let mut in_class = false;
    while at < pattern.len() {
        match pattern[at] {
            '\\' if at + 1 < pattern.len() => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    Chunk { star: stars > 0, text: pattern[stars..at].to_vec(), length: at }
}

fn after_star(chunk: &[char], name: &[char], last: bool) -> Result<Option<usize>, BadPattern> {
    for (at, c) in name.iter().enumerate() {
        if *c == '/' {
            break;
        }
        if let Some(used) = match_chunk(chunk, &name[at + 1..])? {
            let left = at + 1 + used;
            if last && left < name.len() {
                continue;
            }
            return Ok(Some(left));
        }
    }
    Ok(None)
}

/// Whether all of the pattern can be read; matching stops at the first part that does not fit.
pub fn check(pattern: &str) -> Result<(), BadPattern> {
    let mut rest: Vec<char> = pattern.chars().collect();
    while !rest.is_empty() {
        let chunk = next_chunk(&rest);
        rest.drain(..chunk.length);
        match_chunk(&chunk.text, &[])?;
    }
    Ok(())
}

/// How much of the name a chunk without stars takes, if it matches at its start.
fn match_chunk(chunk: &[char], name: &[char]) -> Result<Option<usize>, BadPattern> {
    let (mut at, mut used, mut failed) = (0, 0, false);
    while at < chunk.len() {
        failed |= used >= name.len();
        match chunk[at] {
            '[' => {
                let given = (!failed).then(|| name[used]);
                let class = match_class(&chunk[at + 1..], given)?;
                at += 1 + class.length;
                failed |= !class.matched;
                used += usize::from(!failed);
            }
            '?' => {
                failed |= !failed && name[used] == '/';
                used += usize::from(!failed);
                at += 1;
            }
            c => {
                let mut c = c;
                if c == '\\' {
                    at += 1;
                    c = *chunk.get(at).ok_or(BadPattern)?;
                }
                failed |= !failed && name[used] != c;
                used += usize::from(!failed);
                at += 1;
            }
        }
    }
    Ok((!failed).then_some(used))
}

struct Class {
    matched: bool,
    length: usize,
}

fn match_class(class: &[char], given: Option<char>) -> Result<Class, BadPattern> {
    let mut at = 0;
    let negated = class.first() == Some(&'^');
    at += usize::from(negated);
    let (mut matched, mut ranges) = (false, 0);
    loop {
        if class.get(at) == Some(&']') && ranges > 0 {
            at += 1;
            break;
        }
        let low = class_char(class, &mut at)?;
        let mut high = low;
        if class.get(at) == Some(&'-') {
            at += 1;
            high = class_char(class, &mut at)?;
        }
        matched |= given.is_some_and(|c| low <= c && c <= high);
        ranges += 1;
    }
    Ok(Class { matched: given.is_some() && matched != negated, length: at })
}

fn class_char(class: &[char], at: &mut usize) -> Result<char, BadPattern> {
    let mut c = *class.get(*at).ok_or(BadPattern)?;
    if c == '-' || c == ']' {
        return Err(BadPattern);
    }
    if c == '\\' {
        *at += 1;
        c = *class.get(*at).ok_or(BadPattern)?;
    }
    *at += 1;
    // A class that the pattern never closes is a mistake.
    if *at >= class.len() { Err(BadPattern) } else { Ok(c) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_go() {
        let check = |pattern: &str, name: &str, expected: Result<bool, BadPattern>| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("*.txt", "a.txt", Ok(true));
        check("*.txt", "a/b.txt", Ok(false));
        check("conf?/[a-c]*.toml", "conf1/a.toml", Ok(true));
        check("conf?/[a-c]*.toml", "conf1/d.toml", Ok(false));
        check("lib/**/*.so", "lib/one/x.so", Ok(true));
        check("lib/**/*.so", "lib/x.so", Ok(false));
        check("odd/x[[]1].txt", "odd/x[1].txt", Ok(true));
        check("a*b*c", "axxbyyc", Ok(true));
        check("a*", "a", Ok(true));
        check("*x", "xxx", Ok(true));
        check("[^a]b", "cb", Ok(true));
        check("[^a]b", "ab", Ok(false));
        check("a\\*b", "a*b", Ok(true));
        check("[", ".", Err(BadPattern));
        check("a[", "b", Err(BadPattern));
        check("[]a]", "]", Err(BadPattern));
        check("[-]", "-", Err(BadPattern));
        check("x\\", "x", Err(BadPattern));
        check("a?b", "a/b", Ok(false));
        check("*", "", Ok(true));
        check("a*[", "b", Ok(false));
        assert_eq!(super::check("a*["), Err(BadPattern));
    }
    #[test]
    fn whole_patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*", "a/c", Some(false)),
            ("*c", "abc", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*/b", "a/c/b", Some(false)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Some(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[^b-d]", "abc", Some(false)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a???b", "aßßßb", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a?b", "a/b", Some(false)),
            ("a[^x]b", "a/b", Some(true)),
            ("[\\]a]", "]", Some(true)),
            ("[x\\-]", "-", Some(true)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^bc", "a", None),
            ("a[", "ab", None),
            ("\\", "a", None),
            ("*x", "xxx", Some(true)),
            ("", "", Some(true)),
            (".?*", ".", Some(false)),
            (".?*", ".a", Some(true)),
        ] {
            let found = check(pattern).ok().and_then(|()| matches(pattern, name).ok());
            assert_eq!(found, expected, "{pattern} on {name}");
        }
    }
}
