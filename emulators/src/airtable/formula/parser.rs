//! Makes an expression of a formula, with its fields found in a table.

use std::collections::HashSet;

use super::{
    super::store::Table,
    FormulaError,
    functions::{self, Function},
    lexer::{Token, tokens},
    value::Value,
};

/// Deepest nesting that is read; deeper formulas are refused.
const MAX_DEPTH: usize = 60;

/// A formula that can be evaluated on the records of one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A value that stands in the formula.
    Literal(Value),
    /// A field, by its position.
    Field(usize),
    /// A negated number.
    Negative(Box<Expression>),
    /// An operator between two values.
    Binary(&'static str, Box<Expression>, Box<Expression>),
    /// A function.
    Call(&'static Function, Vec<Expression>),
    /// `LAST_MODIFIED_TIME`, of these fields or of all.
    LastModified(Vec<usize>),
    /// `OR(x='a', x='b', …)`: asked for many keys at once, so it is looked up instead of compared one by one.
    OneOf(Box<Expression>, HashSet<String>),
}

/// Reads a formula about the records of a table.
pub(crate) fn parse(text: &str, table: &Table) -> Result<Expression, FormulaError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        table,
        unknown_fields: Vec::new(),
        unknown_functions: Vec::new(),
    };
    let expression = parser.comparison()?;
    if parser.at < parser.tokens.len() {
        return Err(FormulaError::Unreadable);
    }
    if !parser.unknown_functions.is_empty() {
        return Err(FormulaError::UnknownFunctions(parser.unknown_functions));
    }
    if !parser.unknown_fields.is_empty() {
        return Err(FormulaError::UnknownFields(parser.unknown_fields));
    }
    Ok(expression)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    table: &'a Table,
    unknown_fields: Vec<String>,
    unknown_functions: Vec<String>,
}

impl Parser<'_> {
    fn comparison(&mut self) -> Result<Expression, FormulaError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FormulaError::Unreadable);
        }
        let expression = self.binary(&["=", "!=", "<", "<=", ">", ">="], Self::joined);
        self.depth -= 1;
        expression
    }

    fn joined(&mut self) -> Result<Expression, FormulaError> {
        self.binary(&["&"], Self::sum)
    }

    fn sum(&mut self) -> Result<Expression, FormulaError> {
        self.binary(&["+", "-"], Self::product)
    }

    fn product(&mut self) -> Result<Expression, FormulaError> {
        self.binary(&["*", "/"], Self::unary)
    }

    /// Reads operands of `next` with these operators between them, from left to right.
    fn binary(
        &mut self,
        operators: &[&str],
        next: fn(&mut Self) -> Result<Expression, FormulaError>,
    ) -> Result<Expression, FormulaError> {
        let mut left = next(self)?;
        while let Some(Token::Mark(operator)) = self.tokens.get(self.at) {
            let operator = *operator;
            if !operators.contains(&operator) {
                break;
            }
            self.at += 1;
            let right = next(self)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, FormulaError> {
        if self.takes("-") {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(FormulaError::Unreadable);
            }
            let operand = self.unary()?;
            self.depth -= 1;
            return Ok(Expression::Negative(Box::new(operand)));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expression, FormulaError> {
        let token = self.tokens.get(self.at).cloned().ok_or(FormulaError::Unreadable)?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Literal(Value::Number(number))),
            Token::Text(text) => Ok(Expression::Literal(Value::Text(text))),
            Token::Word(name) if self.takes("(") => self.call(&name),
            Token::Word(name) | Token::Field(name) => Ok(self.field(&name)),
            Token::Mark("(") => {
                let inner = self.comparison()?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Mark(_) => Err(FormulaError::Unreadable),
        }
    }

    fn field(&mut self, name: &str) -> Expression {
        let Some(field) = self.table.field_index(name) else {
            self.unknown_fields.push(name.to_lowercase());
            return Expression::Literal(Value::Blank);
        };
        Expression::Field(field)
    }

    fn call(&mut self, name: &str) -> Result<Expression, FormulaError> {
        let mut arguments = Vec::new();
        if !self.takes(")") {
            loop {
                arguments.push(self.comparison()?);
                if !self.takes(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        let name = name.to_uppercase();
        if name == "LAST_MODIFIED_TIME" {
            return last_modified(&arguments);
        }
        let Some(function) = functions::find(&name) else {
            self.unknown_functions.push(name.to_lowercase());
            return Ok(Expression::Literal(Value::Blank));
        };
        if !function.takes(arguments.len()) {
            return Err(FormulaError::Unreadable);
        }
        Ok(one_of(&name, &arguments).unwrap_or(Expression::Call(function, arguments)))
    }

    fn takes(&mut self, mark: &str) -> bool {
        let is_there = matches!(self.tokens.get(self.at), Some(Token::Mark(found)) if *found == mark);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, mark: &str) -> Result<(), FormulaError> {
        if self.takes(mark) { Ok(()) } else { Err(FormulaError::Unreadable) }
    }
}

fn last_modified(arguments: &[Expression]) -> Result<Expression, FormulaError> {
    let fields = arguments.iter().map(|argument| match argument {
        Expression::Field(field) => Ok(*field),
        _ => Err(FormulaError::Unreadable),
    });
    Ok(Expression::LastModified(fields.collect::<Result<_, _>>()?))
}

/// Recognises `OR(x='a', x='b', …)`.
fn one_of(function: &str, arguments: &[Expression]) -> Option<Expression> {
    let Some(Expression::Binary("=", subject, _)) = arguments.first() else { return None };
    if function != "OR" || arguments.len() < 2 {
        return None;
    }
    let mut texts = HashSet::new();
    for argument in arguments {
        let Expression::Binary("=", left, right) = argument else { return None };
        let Expression::Literal(Value::Text(text)) = &**right else { return None };
        if left != subject {
            return None;
        }
        texts.insert(text.clone());
    }
    Some(Expression::OneOf(subject.clone(), texts))
}
