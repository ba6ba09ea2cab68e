//! The words and operators of a shell text, as far as they are certain without running it.

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    Text(String),
    /// `"$@"`: all arguments of the text.
    Arguments,
    /// `NAME=value`; the whole word if it is certain.
    Assignment(Option<String>),
    /// Known only when it runs.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    Word(Word),
    /// `;`, `&`, `&&`, `|`, `||`, `;;`, `(`, `)`; a line's end is `;`.
    Operator(&'static str),
    /// The next word is a file or number that input or output goes to; whether something is written.
    Redirection {
        writes: bool,
    },
}

/// Nothing if a quote or parenthesis has no end: it is not understood.
pub fn lex(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, tokens: Vec::new(), documents: Vec::new() };
    lexer.run()?;
    Some(lexer.tokens)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    tokens: Vec<Token>,
    /// Ends of the here-documents that begin with the next line, and whether tabs before them are dropped.
    documents: Vec<(String, bool)>,
}

/// A word that is being read.
#[derive(Default)]
struct Draft {
    text: String,
    unknown: bool,
    arguments: bool,
    assignment: bool,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn run(&mut self) -> Option<()> {
        while let Some(c) = self.peek(0) {
            match c {
                '\n' => {
                    self.operator(";", 1);
                    self.skip_documents();
                }
                '#' => self.skip_until('\n'),
                '\\' if self.peek(1) == Some('\n') => self.at += 2,
                _ if c.is_whitespace() => self.at += 1,
                ';' if self.peek(1) == Some(';') => self.operator(";;", 2),
                ';' => self.operator(";", 1),
                '&' if self.peek(1) == Some('&') => self.operator("&&", 2),
                '&' if self.peek(1) == Some('>') => self.redirection()?,
                '&' => self.operator("&", 1),
                '|' if self.peek(1) == Some('|') => self.operator("||", 2),
                '|' => self.operator("|", 1),
                '(' => self.operator("(", 1),
                ')' => self.operator(")", 1),
                '<' | '>' => self.redirection()?,
                _ => self.word()?,
            }
        }
        Some(())
    }

    fn operator(&mut self, operator: &'static str, length: usize) {
        self.at += length;
        self.tokens.push(Token::Operator(operator));
    }

    fn skip_until(&mut self, end: char) {
        while self.peek(0).is_some_and(|c| c != end) {
            self.at += 1;
        }
    }

    fn redirection(&mut self) -> Option<()> {
        let writes = self.peek(0) != Some('<') || self.peek(1) == Some('>');
        let mut operator = String::new();
        while let Some(c) = self.peek(0).filter(|c| matches!(c, '<' | '>' | '&' | '|')) {
            operator.push(c);
            self.at += 1;
        }
        if operator != "<<" {
            self.tokens.push(Token::Redirection { writes });
            return Some(());
        }
        let tabs = self.peek(0) == Some('-');
        self.at += usize::from(tabs);
        while self.peek(0).is_some_and(|c| c == ' ' || c == '\t') {
            self.at += 1;
        }
        self.word()?;
        let Some(Token::Word(Word::Text(end))) = self.tokens.pop() else { return None };
        self.documents.push((end, tabs));
        Some(())
    }

    fn skip_documents(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.documents) {
            while self.peek(0).is_some() {
                let start = self.at;
                self.skip_until('\n');
                let line: String = self.chars[start..self.at].iter().collect();
                self.at += 1;
                let line = if tabs { line.trim_start_matches('\t') } else { &line };
                if line == end {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> Option<()> {
        let mut draft = Draft::default();
        while let Some(c) = self.peek(0) {
            if c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')') {
                break;
            }
            self.at += 1;
            match c {
                '\'' => {
                    let start = self.at;
                    self.skip_until('\'');
                    draft.text.extend(&self.chars[start..self.at]);
                    self.peek(0)?;
                    self.at += 1;
                }
                '"' => self.quoted(&mut draft)?,
                '\\' => {
                    let next = self.peek(0)?;
                    self.at += 1;
                    draft.text.extend(Some(next).filter(|c| *c != '\n'));
                }
                '$' => self.variable(&mut draft)?,
                '`' => {
                    draft.unknown = true;
                    self.skip_until('`');
                    self.at += 1;
                }
                '*' | '?' => draft.unknown = true,
                '~' if draft.text.is_empty() => draft.unknown = true,
                '=' if !draft.unknown && is_name(draft.text.trim_end_matches('+')) => {
                    draft.assignment = true;
                    draft.text.push(c);
                }
                _ => draft.text.push(c),
            }
            if draft.text == "[[" && self.peek(0).is_some_and(char::is_whitespace) {
                self.skip_test()?;
            }
        }
        let number = !draft.text.is_empty() && draft.text.bytes().all(|byte| byte.is_ascii_digit());
        if !(number && matches!(self.peek(0), Some('<' | '>'))) {
            self.tokens.push(Token::Word(draft.finish()));
        }
        Some(())
    }

    /// What is between `[[` and `]]` has other rules.
    fn skip_test(&mut self) -> Option<()> {
        loop {
            let end = self.peek(0)? == ']' && self.peek(1) == Some(']');
            self.at += 1;
            if end {
                self.at += 1;
                return Some(());
            }
        }
    }

    /// What is between two `"`, the first of which was read.
    fn quoted(&mut self, draft: &mut Draft) -> Option<()> {
        loop {
            let c = self.peek(0)?;
            self.at += 1;
            match c {
                '"' => return Some(()),
                '\\' => {
                    let next = self.peek(0)?;
                    self.at += 1;
                    if !matches!(next, '"' | '\\' | '$' | '`' | '\n') {
                        draft.text.push('\\');
                    }
                    draft.text.extend(Some(next).filter(|c| *c != '\n'));
                }
                '$' => self.variable(draft)?,
                '`' => {
                    draft.unknown = true;
                    self.skip_until('`');
                    self.at += 1;
                }
                _ => draft.text.push(c),
            }
        }
    }

    /// What a `$` that was read begins.
    fn variable(&mut self, draft: &mut Draft) -> Option<()> {
        match self.peek(0) {
            Some('@' | '*') => {
                draft.arguments = true;
                self.at += 1;
            }
            Some('{') if self.peek(1) == Some('@') && self.peek(2) == Some('}') => {
                draft.arguments = true;
                self.at += 3;
            }
            Some('(') => {
                draft.unknown = true;
                self.balanced('(', ')')?;
            }
            Some('{') => {
                draft.unknown = true;
                self.balanced('{', '}')?;
            }
            Some(c) if c.is_alphanumeric() || matches!(c, '_' | '#' | '?' | '$' | '!' | '-' | '\'') => {
                draft.unknown = true;
                self.at += 1;
                if c == '\'' {
                    self.skip_until('\'');
                    self.at += 1;
                }
                while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.at += 1;
                }
            }
            _ => draft.text.push('$'),
        }
        Some(())
    }

    fn balanced(&mut self, open: char, close: char) -> Option<()> {
        let mut depth = 0;
        loop {
            let c = self.peek(0)?;
            self.at += 1;
            match c {
                '\\' => self.at += 1,
                '\'' if open == '(' => {
                    self.skip_until('\'');
                    self.at += 1;
                }
                '"' => self.quoted(&mut Draft::default())?,
                _ if c == open => depth += 1,
                _ if c == close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

impl Draft {
    fn finish(self) -> Word {
        let certain = !self.unknown && !self.arguments;
        if self.assignment {
            return Word::Assignment(Some(self.text).filter(|_| certain));
        }
        if certain {
            return Word::Text(self.text);
        }
        let only = self.arguments && !self.unknown && self.text.is_empty();
        if only { Word::Arguments } else { Word::Unknown }
    }
}

pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Some(tokens) = lex(text) else { return "not understood".into() };
        let one = |token: &Token| match token {
            Token::Word(Word::Text(text)) => format!("<{text}>"),
            Token::Word(Word::Arguments) => "@".into(),
            Token::Word(Word::Assignment(Some(text))) => format!("={text}"),
            Token::Word(Word::Assignment(None)) => "=?".into(),
            Token::Word(Word::Unknown) => "?".into(),
            Token::Operator(operator) => (*operator).into(),
            Token::Redirection { writes } => if *writes { "to" } else { "from" }.into(),
        };
        tokens.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_of_a_text() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check("exec /usr/bin/x \"$@\" # so", "<exec> </usr/bin/x> @");
        check("a 'b c' \"d $e\" f\\ g $h ${i:-j} `k`", "<a> <b c> ? <f g> ? ? ?");
        check("A=1 B=$x c=d\\\n e", "=A=1 =? =c=d <e>");
        check("a&&b||c|d;e&", "<a> && <b> || <c> | <d> ; <e> &");
        check("a >/dev/null 2>&1 </x", "<a> to </dev/null> to <1> from </x>");
        check("cat <<EOF >x\nexec $y\nEOF\nb", "<cat> to <x> ; <b>");
        check("cat <<-'E'\n\tx\n\tE\nb", "<cat> ; <b>");
        check("x=$(a \"b)\" c) d", "=? <d>");
        check("x=$(a (b) c) d", "=? <d>");
        check("[[ a && b ]] && c", "<[[> && <c>");
        check("if [ \"$1\" = x ]; then", "<if> <[> ? <=> <x> <]> ; <then>");
        check("a \"b", "not understood");
        check("ls *.so ~/x", "<ls> ? ?");
        check("${@} \"${@:1}\" pre$@", "@ ? ?");
        check("a $", "<a> <$>");
        check("\\", "not understood");
    }
}
