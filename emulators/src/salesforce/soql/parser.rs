//! How a query is read.

use super::{
    super::errors::Problem,
    complaint,
    lexer::{Kind, Token, tokens},
    syntax::{Case, Condition, Item, Name, Operand, Select, Sort, Subtotals, Term},
};

const KEYWORDS: [&str; 19] = [
    "from", "where", "group", "having", "order", "limit", "offset", "and", "or", "with", "using", "for", "all", "by",
    "typeof", "when", "then", "else", "end",
];

struct Parser<'q> {
    text: &'q str,
    tokens: Vec<Token>,
    place: usize,
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Select, Problem> {
    let mut parser = Parser { text, tokens: tokens(text)?, place: 0 };
    let select = parser.select()?;
    match parser.peek() {
        Kind::End => Ok(select),
        _ => Err(parser.unexpected()),
    }
}

impl Parser<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.place.min(self.tokens.len() - 1)]
    }

    fn peek(&self) -> &Kind {
        &self.token().kind
    }

    fn next(&mut self) -> Token {
        let token = self.token().clone();
        self.place += 1;
        token
    }

    fn unexpected(&self) -> Problem {
        let token = self.token();
        let shown = match &token.kind {
            Kind::Word(text) | Kind::Literal(text) | Kind::Text(text, _) => format!("'{text}'"),
            Kind::Mark(mark) => format!("'{mark}'"),
            Kind::End => "'<EOF>'".to_owned(),
        };
        complaint("MALFORMED_QUERY", self.text, token.at, &format!("unexpected token: {shown}"))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Kind::Word(text) if text.eq_ignore_ascii_case(word))
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.is_word(word);
        self.place += usize::from(is_it);
        is_it
    }

    fn take_words(&mut self, words: [&str; 2]) -> bool {
        let next = self.tokens.get(self.place + 1).map(|token| &token.kind);
        let is_it =
            self.is_word(words[0]) && matches!(next, Some(Kind::Word(text)) if text.eq_ignore_ascii_case(words[1]));
        self.place += if is_it { 2 } else { 0 };
        is_it
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Problem> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn take_mark(&mut self, mark: &str) -> bool {
        let is_it = matches!(self.peek(), Kind::Mark(text) if *text == mark);
        self.place += usize::from(is_it);
        is_it
    }

    fn expect_mark(&mut self, mark: &str) -> Result<(), Problem> {
        if self.take_mark(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn name(&mut self) -> Result<Name, Problem> {
        match self.peek() {
            Kind::Word(text) if !KEYWORDS.contains(&text.to_ascii_lowercase().as_str()) || text.contains('.') => {
                let token = self.next();
                let Kind::Word(text) = token.kind else { return Err(self.unexpected()) };
                Ok(Name { text, at: token.at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn alias(&mut self) -> Option<String> {
        let is_alias =
            matches!(self.peek(), Kind::Word(text) if !KEYWORDS.contains(&text.to_ascii_lowercase().as_str()));
        if !is_alias {
            return None;
        }
        self.name().ok().map(|name| name.text)
    }

    fn number(&mut self) -> Result<usize, Problem> {
        let number = match self.peek() {
            Kind::Literal(text) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unexpected())?;
        self.place += 1;
        Ok(number)
    }

    fn select(&mut self) -> Result<Select, Problem> {
        self.expect_word("select")?;
        let mut select = Select::default();
        loop {
            select.items.push(self.item()?);
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_word("from")?;
        select.from = Some(self.name()?);
        self.take_word("as");
        select.alias = self.alias();
        if self.take_words(["using", "scope"]) {
            self.name()?;
        }
        if self.take_word("where") {
            select.condition = Some(self.any()?);
        }
        if self.take_word("with") {
            self.next();
        }
        if self.take_words(["group", "by"]) {
            self.group_by(&mut select)?;
        }
        if self.take_word("having") {
            select.having = Some(self.any()?);
        }
        self.tail(&mut select)?;
        Ok(select)
    }

    fn group_by(&mut self, select: &mut Select) -> Result<(), Problem> {
        let next = self.tokens.get(self.place + 1).map(|token| &token.kind);
        if matches!(next, Some(Kind::Mark("("))) {
            for (word, subtotals) in [("rollup", Subtotals::Rollup), ("cube", Subtotals::Cube)] {
                if self.take_word(word) {
                    select.subtotals = subtotals;
                }
            }
        }
        let is_in_brackets = select.subtotals != Subtotals::None;
        if is_in_brackets {
            self.expect_mark("(")?;
        }
        loop {
            select.group_by.push(self.term()?);
            if !self.take_mark(",") {
                break;
            }
        }
        if is_in_brackets { self.expect_mark(")") } else { Ok(()) }
    }

    fn tail(&mut self, select: &mut Select) -> Result<(), Problem> {
        if self.take_words(["order", "by"]) {
            loop {
                select.order_by.push(self.sort()?);
                if !self.take_mark(",") {
                    break;
                }
            }
        }
        if self.take_word("limit") {
            select.limit = Some(self.number()?);
        }
        if self.take_word("offset") {
            select.offset = Some(self.number()?);
        }
        while self.take_word("for") {
            let is_known = ["view", "reference", "update"].iter().any(|word| self.take_word(word));
            if !is_known {
                return Err(self.unexpected());
            }
        }
        select.is_all_rows = self.take_words(["all", "rows"]);
        Ok(())
    }

    fn item(&mut self) -> Result<Item, Problem> {
        if self.take_mark("(") {
            let select = self.select()?;
            self.expect_mark(")")?;
            return Ok(Item::Children(Box::new(select)));
        }
        let next = self.tokens.get(self.place + 1).map(|token| &token.kind);
        if self.is_word("typeof") && matches!(next, Some(Kind::Word(_))) {
            return self.type_of();
        }
        let begin = self.place;
        if self.take_word("fields") && self.take_mark("(") {
            let kind = self.any_word()?;
            self.expect_mark(")")?;
            return Ok(Item::Fields(kind));
        }
        self.place = begin;
        let term = self.term()?;
        let alias = self.alias();
        Ok(Item::Term(term, alias))
    }

    fn type_of(&mut self) -> Result<Item, Problem> {
        self.expect_word("typeof")?;
        let parent = self.name()?;
        let mut cases = Vec::new();
        while self.take_word("when") {
            let object = self.name()?;
            self.expect_word("then")?;
            cases.push(Case { object, fields: self.names()? });
        }
        let otherwise = if self.take_word("else") { self.names()? } else { Vec::new() };
        if cases.is_empty() || !self.take_word("end") {
            return Err(self.unexpected());
        }
        Ok(Item::TypeOf { parent, cases, otherwise })
    }

    fn names(&mut self) -> Result<Vec<Name>, Problem> {
        let mut names = vec![self.name()?];
        while self.take_mark(",") {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn any_word(&mut self) -> Result<Name, Problem> {
        let token = self.next();
        if let Kind::Word(text) = token.kind {
            return Ok(Name { text, at: token.at });
        }
        self.place -= 1;
        Err(self.unexpected())
    }

    fn any(&mut self) -> Result<Condition, Problem> {
        let first = self.all()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut conditions = vec![first];
        while self.take_word("or") {
            conditions.push(self.one()?);
        }
        // AND and OR cannot stand side by side without brackets.
        if self.is_word("and") { Err(self.unexpected()) } else { Ok(Condition::Any(conditions)) }
    }

    fn all(&mut self) -> Result<Condition, Problem> {
        let first = self.one()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut conditions = vec![first];
        while self.take_word("and") {
            conditions.push(self.one()?);
        }
        if self.is_word("or") { Err(self.unexpected()) } else { Ok(Condition::All(conditions)) }
    }

    fn one(&mut self) -> Result<Condition, Problem> {
        if self.take_word("not") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.take_mark("(") {
            let condition = self.any()?;
            self.expect_mark(")")?;
            return Ok(condition);
        }
        let term = self.term()?;
        let is_not = self.take_word("not");
        if self.take_word("in") {
            return self.in_list(term, is_not);
        }
        if is_not {
            return Err(self.unexpected());
        }
        if self.is_word("includes") || self.is_word("excludes") {
            let is_not = self.is_word("excludes");
            self.place += 1;
            let sets = self.operands()?.into_iter().filter_map(|(operand, _)| match operand {
                Operand::Text(text, _) => Some(text),
                _ => None,
            });
            return Ok(Condition::Includes { field: term.name(), is_not, sets: sets.collect() });
        }
        let operator = self.operator()?;
        let at = self.token().at;
        let operand = self.operand()?;
        Ok(Condition::Compare { term, operator, operand, at })
    }

    /// Reads a field with the functions around it.
    fn term(&mut self) -> Result<Term, Problem> {
        let at = self.token().at;
        let mut functions = Vec::new();
        let mut name = self.name()?;
        while self.take_mark("(") {
            functions.push(name.text.to_ascii_lowercase());
            if matches!(self.peek(), Kind::Mark(")")) {
                self.close(functions.len())?;
                return Ok(Term { functions, field: None, at });
            }
            name = self.name()?;
        }
        self.close(functions.len())?;
        Ok(Term { functions, field: Some(name), at })
    }

    fn close(&mut self, count: usize) -> Result<(), Problem> {
        (0..count).try_for_each(|_| self.expect_mark(")"))
    }

    fn in_list(&mut self, term: Term, is_not: bool) -> Result<Condition, Problem> {
        let next = self.tokens.get(self.place + 1).map(|token| &token.kind);
        if matches!(next, Some(Kind::Word(text)) if text.eq_ignore_ascii_case("select")) {
            self.expect_mark("(")?;
            let select = Box::new(self.select()?);
            self.expect_mark(")")?;
            return Ok(Condition::InSelect { field: term.name(), is_not, select });
        }
        let operands = self.operands()?;
        let at = operands.first().map_or(term.at, |(_, at)| *at);
        let operands = operands.into_iter().map(|(operand, _)| operand).collect();
        Ok(Condition::In { term, is_not, operands, at })
    }

    fn operands(&mut self) -> Result<Vec<(Operand, usize)>, Problem> {
        self.expect_mark("(")?;
        let mut operands = Vec::new();
        loop {
            let at = self.token().at;
            operands.push((self.operand()?, at));
            if !self.take_mark(",") {
                break;
            }
        }
        self.expect_mark(")")?;
        Ok(operands)
    }

    fn operator(&mut self) -> Result<&'static str, Problem> {
        if self.take_word("like") {
            return Ok("like");
        }
        let found = match self.peek() {
            Kind::Mark(mark @ ("=" | "!=" | "<" | ">" | "<=" | ">=")) => Some(*mark),
            Kind::Mark("<>") => Some("!="),
            _ => None,
        };
        let operator = found.ok_or_else(|| self.unexpected())?;
        self.place += 1;
        Ok(operator)
    }

    fn operand(&mut self) -> Result<Operand, Problem> {
        let token = self.token().clone();
        let operand = match token.kind {
            Kind::Text(text, pattern) => Operand::Text(text, pattern),
            Kind::Literal(text) => Operand::Literal(text),
            Kind::Word(word) if word.eq_ignore_ascii_case("null") => Operand::Null,
            Kind::Word(word) if word.eq_ignore_ascii_case("true") => Operand::Bool(true),
            Kind::Word(word) if word.eq_ignore_ascii_case("false") => Operand::Bool(false),
            Kind::Word(word) if !word.contains('.') => {
                self.place += 1;
                if !self.take_mark(":") {
                    return Ok(Operand::Relative(word.to_ascii_uppercase(), None));
                }
                let count = u32::try_from(self.number()?).unwrap_or(u32::MAX);
                return Ok(Operand::Relative(word.to_ascii_uppercase(), Some(count)));
            }
            Kind::Word(_) | Kind::Mark(_) | Kind::End => return Err(self.unexpected()),
        };
        self.place += 1;
        Ok(operand)
    }

    fn sort(&mut self) -> Result<Sort, Problem> {
        let term = self.term()?;
        let is_descending = self.take_word("desc");
        if !is_descending {
            self.take_word("asc");
        }
        let mut are_nulls_last = false;
        if self.take_word("nulls") {
            are_nulls_last = self.take_word("last");
            if !are_nulls_last {
                self.expect_word("first")?;
            }
        }
        Ok(Sort { term, is_descending, are_nulls_last })
    }
}
