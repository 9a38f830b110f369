//! Reads tokens as an expression.

use std::ops::Range;

use super::ast::{Expression, Operator};
use super::lexer::Token;

/// How deep brackets may go.
const MAX_DEPTH: usize = 100;

/// Reads the tokens of a whole formula.
///
/// # Errors
/// Fails, with a text, where they make no expression.
pub(super) fn parse(tokens: &[(Token, Range<usize>)]) -> Result<Expression, String> {
    let mut parser = Parser { tokens, at: 0, depth: 0 };
    let expression = parser.binary(0)?;
    if parser.at == tokens.len() { Ok(expression) } else { Err("something follows the end".to_owned()) }
}

struct Parser<'tokens> {
    tokens: &'tokens [(Token, Range<usize>)],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn takes(&mut self, symbol: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Symbol(it)) if *it == symbol);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.takes(symbol) { Ok(()) } else { Err(format!("`{symbol}` is missing")) }
    }

    /// Reads operators that bind more tightly than `least`.
    fn binary(&mut self, least: u8) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let mut left = self.unary()?;
        while let Some(Token::Symbol(symbol)) = self.peek() {
            let Some((operator, strength)) = Operator::of(symbol).filter(|(_, strength)| *strength > least) else {
                break;
            };
            self.at += 1;
            let right = self.binary(strength)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        let mut is_negative = false;
        loop {
            if self.takes("-") {
                is_negative = !is_negative;
            } else if !self.takes("+") {
                break;
            }
        }
        let mut expression = self.primary()?;
        while self.takes("%") {
            expression = Expression::Percent(Box::new(expression));
        }
        Ok(if is_negative { Expression::Negate(Box::new(expression)) } else { expression })
    }

    fn primary(&mut self) -> Result<Expression, String> {
        let token = self.peek().cloned().ok_or("it ends too early")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Error(kind) => Ok(Expression::Error(kind)),
            Token::Reference(reference) => Ok(Expression::Reference(reference)),
            Token::Symbol("(") => {
                let inner = self.binary(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("{") => self.array(),
            Token::Name(name) => self.named(name),
            Token::Symbol(symbol) => Err(format!("`{symbol}` is not expected")),
        }
    }

    fn named(&mut self, name: String) -> Result<Expression, String> {
        let upper = name.to_uppercase();
        if self.takes("(") {
            return Ok(Expression::Call(upper, self.arguments()?));
        }
        Ok(match upper.as_str() {
            "TRUE" => Expression::Bool(true),
            "FALSE" => Expression::Bool(false),
            _ => Expression::Name(name),
        })
    }

    /// Reads arguments up to the closing bracket. Locales with a decimal comma separate by `;`.
    fn arguments(&mut self) -> Result<Vec<Expression>, String> {
        let mut arguments = Vec::new();
        if self.takes(")") {
            return Ok(arguments);
        }
        loop {
            let is_missing = matches!(self.peek(), Some(Token::Symbol("," | ";" | ")")));
            arguments.push(if is_missing { Expression::Missing } else { self.binary(0)? });
            if self.takes(",") || self.takes(";") {
                continue;
            }
            self.expect(")")?;
            return Ok(arguments);
        }
    }

    fn array(&mut self) -> Result<Expression, String> {
        let mut rows = vec![Vec::new()];
        loop {
            let value = self.binary(0)?;
            if let Some(row) = rows.last_mut() {
                row.push(value);
            }
            if self.takes(",") || self.takes("\\") {
                continue;
            }
            if self.takes(";") {
                rows.push(Vec::new());
                continue;
            }
            self.expect("}")?;
            return Ok(Expression::Array(rows));
        }
    }
}
