//! OData's `$filter`: the part of the language that applications and service principals are looked for with.

use super::error::GraphError;
use super::shape::Shape;
use crate::practice::tenant::directory::Properties;
use serde_json::Value;

/// A parsed `$filter`.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    /// `path op literal`, with `ne` as [`Filter::Not`].
    Equals(Vec<String>, Value),
    In(Vec<String>, Vec<Value>),
    /// `startswith`, `endswith`, `contains`.
    Text(TextTest, Vec<String>, String),
    /// `path/any(x:x eq 'v')`.
    Any(Vec<String>, Box<Self>),
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Starts,
    Ends,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

impl Filter {
    /// Reads a filter over objects of this type.
    pub(super) fn parse(text: &str, shape: &'static Shape) -> Result<Self, GraphError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, shape, variable: None };
        let filter = parser.either()?;
        if parser.at < parser.tokens.len() { Err(invalid()) } else { Ok(filter) }
    }

    /// Whether Graph answers it only with `ConsistencyLevel: eventual` (learn.microsoft.com/graph/aad-advanced-queries).
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::And(left, right) | Self::Or(left, right) => left.is_advanced() || right.is_advanced(),
            Self::Not(_) | Self::Text(TextTest::Ends | TextTest::Contains, ..) => true,
            Self::Equals(..) | Self::In(..) | Self::Text(TextTest::Starts, ..) => false,
            Self::Any(_, inner) => inner.is_advanced(),
        }
    }

    /// Whether an object passes.
    pub(super) fn passes(&self, object: &Properties) -> bool {
        self.holds(&Value::Object(object.clone()))
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(value) && right.holds(value),
            Self::Or(left, right) => left.holds(value) || right.holds(value),
            Self::Not(inner) => !inner.holds(value),
            Self::Equals(path, wanted) => same(at(value, path), wanted),
            Self::In(path, wanted) => wanted.iter().any(|wanted| same(at(value, path), wanted)),
            Self::Text(test, path, wanted) => at(value, path).as_str().is_some_and(|text| test.holds(text, wanted)),
            Self::Any(path, inner) => {
                at(value, path).as_array().is_some_and(|items| items.iter().any(|it| inner.holds(it)))
            }
        }
    }
}

impl TextTest {
    fn holds(self, text: &str, wanted: &str) -> bool {
        let (text, wanted) = (text.to_lowercase(), wanted.to_lowercase());
        match self {
            Self::Starts => text.starts_with(&wanted),
            Self::Ends => text.ends_with(&wanted),
            Self::Contains => text.contains(&wanted),
        }
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().try_fold(value, |value, name| value.get(name)).unwrap_or(&Value::Null)
}

/// The directory compares texts without regard to case.
fn same(value: &Value, wanted: &Value) -> bool {
    match (value.as_str(), wanted.as_str()) {
        (Some(value), Some(wanted)) => value.eq_ignore_ascii_case(wanted),
        _ => value == wanted,
    }
}

fn invalid() -> GraphError {
    GraphError::malformed("Invalid filter clause: There is a syntax error in the filter.")
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(&letter) = letters.peek() {
        let single = match letter {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            ':' => Some(Token::Colon),
            _ => None,
        };
        if let Some(token) = single {
            letters.next();
            tokens.push(token);
        } else if letter.is_whitespace() {
            letters.next();
        } else if letter == '\'' {
            letters.next();
            tokens.push(Token::Text(quoted(&mut letters)?));
        } else {
            let mut word = String::new();
            while let Some(letter) = letters.next_if(|it| !it.is_whitespace() && !"(),:'".contains(*it)) {
                word.push(letter);
            }
            tokens.push(Token::Word(word));
        }
    }
    Ok(tokens)
}

fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, GraphError> {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        if letter != '\'' {
            text.push(letter);
        } else if letters.next_if_eq(&'\'').is_some() {
            text.push('\'');
        } else {
            return Ok(text);
        }
    }
    Err(invalid())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    shape: &'static Shape,
    /// The variable of the `any` around, which stands for the item itself.
    variable: Option<String>,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), GraphError> {
        if self.next().as_ref() == Some(wanted) { Ok(()) } else { Err(invalid()) }
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, GraphError> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.starting_with(&word),
            _ => Err(invalid()),
        }
    }

    fn starting_with(&mut self, word: &str) -> Result<Filter, GraphError> {
        let test = match word.to_ascii_lowercase().as_str() {
            "startswith" => Some(TextTest::Starts),
            "endswith" => Some(TextTest::Ends),
            "contains" => Some(TextTest::Contains),
            _ => None,
        };
        match (test, self.peek()) {
            (Some(test), Some(Token::Open)) => self.text_test(test),
            _ => match word.strip_suffix("/any") {
                Some(path) => self.any(path),
                None => self.comparison(word),
            },
        }
    }

    fn text_test(&mut self, test: TextTest) -> Result<Filter, GraphError> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(path)) = self.next() else { return Err(invalid()) };
        self.expect(&Token::Comma)?;
        let Some(Token::Text(wanted)) = self.next() else { return Err(invalid()) };
        self.expect(&Token::Close)?;
        Ok(Filter::Text(test, self.path(&path)?, wanted))
    }

    fn any(&mut self, path: &str) -> Result<Filter, GraphError> {
        let path = self.path(path)?;
        self.expect(&Token::Open)?;
        let Some(Token::Word(variable)) = self.next() else { return Err(invalid()) };
        self.expect(&Token::Colon)?;
        let outer = self.variable.replace(variable);
        let inner = self.either()?;
        self.variable = outer;
        self.expect(&Token::Close)?;
        Ok(Filter::Any(path, Box::new(inner)))
    }

    fn comparison(&mut self, path: &str) -> Result<Filter, GraphError> {
        let path = self.path(path)?;
        let Some(Token::Word(operator)) = self.next() else { return Err(invalid()) };
        match operator.to_ascii_lowercase().as_str() {
            "eq" => Ok(Filter::Equals(path, self.literal()?)),
            "ne" => Ok(Filter::Not(Box::new(Filter::Equals(path, self.literal()?)))),
            "in" => Ok(Filter::In(path, self.literals()?)),
            _ => Err(GraphError::unsupported_query("Unsupported Query.")),
        }
    }

    fn literals(&mut self) -> Result<Vec<Value>, GraphError> {
        self.expect(&Token::Open)?;
        let mut literals = vec![self.literal()?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            literals.push(self.literal()?);
        }
        self.expect(&Token::Close)?;
        Ok(literals)
    }

    fn literal(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::from(text)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                "null" => Ok(Value::Null),
                // Ids may be written without quotes.
                _ => word.parse::<i64>().map(Value::from).or_else(|_| {
                    uuid::Uuid::try_parse(&word).map(|id| Value::from(id.to_string())).map_err(|_| invalid())
                }),
            },
            _ => Err(invalid()),
        }
    }

    /// A path, refused when the type has no such property.
    fn path(&self, text: &str) -> Result<Vec<String>, GraphError> {
        let mut names: Vec<String> = text.split('/').map(str::to_owned).collect();
        if let Some(variable) = &self.variable {
            if names.first() == Some(variable) {
                names.remove(0);
                return Ok(names);
            }
            return Err(invalid());
        }
        match names.first() {
            Some(first) if self.shape.property(first).is_some() => Ok(names),
            _ => Err(GraphError::malformed(format!(
                "Invalid filter clause: Could not find a property named '{text}' on type 'microsoft.graph.{}'.",
                self.shape.name
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::APPLICATION;
    use super::Filter;
    use serde_json::{Value, json};

    fn passes(filter: &str, object: &Value) -> bool {
        Filter::parse(filter, &APPLICATION).unwrap().passes(object.as_object().unwrap())
    }

    #[test]
    fn given_the_filters_clients_send_when_they_are_applied_then_the_right_objects_pass() {
        let object = json!({
            "appId": "5f86925b-9ddf-4b2a-8d20-4e33d9d61282", "displayName": "Ann's app", "tags": ["gatewright", "b"],
            "web": {"redirectUris": ["https://myapp.cluster.example.com/oauth2/callback"]}, "deletedDateTime": null,
        });
        for (filter, expected) in [
            ("appId eq '5f86925b-9ddf-4b2a-8d20-4e33d9d61282'", true),
            ("appId eq 5F86925B-9ddf-4b2a-8d20-4e33d9d61282", true),
            ("appId eq '5f86925b-9ddf-4b2a-8d20-4e33d9d61283'", false),
            ("startswith(displayName,'ann''s')", true),
            ("startswith(displayName,'app')", false),
            ("tags/any(t:t eq 'gatewright')", true),
            ("tags/any(t: t eq 'gate')", false),
            ("web/redirectUris/any(u:u eq 'https://myapp.cluster.example.com/oauth2/callback')", true),
            ("displayName eq 'x' or (tags/any(t:t eq 'b') and displayName eq 'Ann''s app')", true),
            ("displayName in ('x', 'Ann''s app')", true),
            ("displayName ne 'x'", true),
            ("deletedDateTime eq null", true),
        ] {
            assert_eq!(passes(filter, &object), expected, "{filter}");
        }
    }

    #[test]
    fn given_filters_the_real_graph_refuses_when_they_are_parsed_then_they_are_refused() {
        for filter in
            ["nonsense eq 'x'", "displayName eq", "displayName eq 'x", "displayName eq 'x' and", "tags/any(t:u eq 'x')"]
        {
            assert!(Filter::parse(filter, &APPLICATION).is_err(), "{filter}");
        }
    }
}
