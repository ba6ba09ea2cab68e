//! The JSON body of a request, field by field, refused in GitHub's words.

use serde_json::{Map, Value};

use super::answer::GithubAnswer;

pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body; an empty one is an empty object.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, GithubAnswer> {
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(GithubAnswer::error(400, "Body should be a JSON object")),
            Err(_) => Err(GithubAnswer::error(400, "Problems parsing JSON")),
        }
    }

    /// A text that may be left out or null.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, GithubAnswer> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(wrong(name, other, "a string")),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, GithubAnswer> {
        match self.0.get(name) {
            None => Err(GithubAnswer::error(422, &format!("Invalid request.\n\n\"{name}\" wasn't supplied."))),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(wrong(name, other, "a string")),
        }
    }

    /// A truth value that may be left out or null.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, GithubAnswer> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(name, other, "a boolean")),
        }
    }

    pub(super) fn word(&self, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, GithubAnswer> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        words.iter().find(|word| **word == text).copied().map(Some).ok_or_else(|| {
            let message = format!("{text} is not a member of {words:?}.");
            GithubAnswer::error(422, &format!("Invalid request.\n\nFor 'properties/{name}', {message}"))
        })
    }
}

fn wrong(name: &str, value: &Value, expected: &str) -> GithubAnswer {
    let shown = if value.is_null() { "nil".to_owned() } else { value.to_string() };
    GithubAnswer::error(422, &format!("Invalid request.\n\nFor 'properties/{name}', {shown} is not {expected}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_in_githubs_words() {
        let fields = Fields::read(br#"{"draft":"yes","make_latest":true,"name":null}"#).unwrap_or_else(|_| panic!());
        let message = |answer: GithubAnswer| answer.value()["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(
            message(fields.required("tag_name").unwrap_err()),
            "Invalid request.\n\n\"tag_name\" wasn't supplied."
        );
        assert!(message(fields.flag("draft").unwrap_err()).contains("'properties/draft', \"yes\" is not a boolean."));
        let latest = fields.word("make_latest", &["true", "false", "legacy"]).unwrap_err();
        assert!(message(latest).contains("true is not a string."));
        assert_eq!(fields.text("name").ok(), Some(None));
        assert_eq!(Fields::read(b"{").map(|_| ()).unwrap_err().status, 400);
    }
}
