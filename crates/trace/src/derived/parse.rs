//! From tokens to a tree.

use std::time::Duration;

use super::Fault;
use super::token::{Token, What, tokens};
use crate::unit::{Dimension, Unit};

/// A definition as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parsed<'a> {
    pub(super) name: &'a str,
    pub(super) name_at: usize,
    pub(super) tree: Tree<'a>,
    /// How long it must hold, and where that is said.
    pub(super) hold: Option<(Duration, usize)>,
}

/// A part of an expression, and the byte at which an error in it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tree<'a> {
    pub(super) at: usize,
    pub(super) part: Part<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part<'a> {
    Number(f64, Option<Unit>),
    Name(&'a str),
    Negative(Box<Tree<'a>>),
    Not(Box<Tree<'a>>),
    Binary(Operator, Box<Tree<'a>>, Box<Tree<'a>>),
    Call(&'a str, Vec<Tree<'a>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    Plus,
    Minus,
    Times,
    Over,
}

const COMPARISONS: [(&str, Operator); 6] = [
    ("<", Operator::Less),
    ("<=", Operator::LessOrEqual),
    (">", Operator::Greater),
    (">=", Operator::GreaterOrEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];
const SUMS: [(&str, Operator); 2] = [("+", Operator::Plus), ("-", Operator::Minus)];
const PRODUCTS: [(&str, Operator); 2] = [("*", Operator::Times), ("/", Operator::Over)];

/// How deep brackets, signs and functions may be nested.
const MAX_DEPTH: usize = 64;
/// How long a definition may be: a chain of sums is a tree as deep as it is long.
const MAX_TOKENS: usize = 1000;

/// Reads `NAME = EXPRESSION [for DURATION]`.
pub(super) fn definition(text: &str) -> Result<Parsed<'_>, Fault> {
    let tokens = tokens(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(Fault::new(tokens[MAX_TOKENS].at, "the definition is too long"));
    }
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0 };
    let (name, name_at) = parser.name()?;
    if !parser.sign("=") {
        return Err(parser.unexpected("\"=\""));
    }
    let tree = parser.or()?;
    let hold = if parser.word("for") { Some(parser.duration()?) } else { None };
    match parser.peek().what {
        What::End => Ok(Parsed { name, name_at, tree, hold }),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

/// The duration that a number is, if it is one.
pub(super) fn duration_of(number: f64, unit: Option<&Unit>) -> Option<Duration> {
    let is_time = unit.is_some_and(|unit| *unit.dimension() == Dimension::seconds());
    Duration::try_from_secs_f64(number).ok().filter(|duration| is_time && !duration.is_zero())
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    next: usize,
    depth: usize,
}

impl<'a> Parser<'_, 'a> {
    fn peek(&self) -> &Token<'a> {
        // The last token is the end, and nothing goes beyond it.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek().what, What::Sign(found) if found == sign);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek().what, What::Name(name) if name == word);
        self.next += usize::from(found);
        found
    }

    fn one_of(&mut self, operators: &[(&'static str, Operator)]) -> Option<Operator> {
        operators.iter().find(|(sign, _)| self.sign(sign)).map(|(_, operator)| *operator)
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let token = self.peek();
        let found = match &token.what {
            What::Name(name) => format!("\"{name}\""),
            What::Number(..) => "a number".to_owned(),
            What::Sign(sign) => format!("\"{sign}\""),
            What::End => "the end".to_owned(),
        };
        Fault::new(token.at, format!("expected {expected}, not {found}"))
    }

    fn name(&mut self) -> Result<(&'a str, usize), Fault> {
        let Token { at, what } = self.peek();
        match what {
            What::Name(name) if !matches!(*name, "and" | "or" | "not" | "for") => {
                let found = (*name, *at);
                self.next += 1;
                Ok(found)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    fn duration(&mut self) -> Result<(Duration, usize), Fault> {
        let Token { at, what } = self.peek();
        let at = *at;
        let duration = match what {
            What::Number(number, unit) => duration_of(*number, unit.as_ref()),
            _ => None,
        };
        self.next += 1;
        duration
            .map(|duration| (duration, at))
            .ok_or_else(|| Fault::new(at, "expected a duration such as 5 s"))
    }

    fn or(&mut self) -> Result<Tree<'a>, Fault> {
        let mut left = self.and()?;
        loop {
            let at = self.peek().at;
            if !self.word("or") {
                return Ok(left);
            }
            left = binary(at, Operator::Or, left, self.and()?);
        }
    }

    fn and(&mut self) -> Result<Tree<'a>, Fault> {
        let mut left = self.not()?;
        loop {
            let at = self.peek().at;
            if !self.word("and") {
                return Ok(left);
            }
            left = binary(at, Operator::And, left, self.not()?);
        }
    }

    fn not(&mut self) -> Result<Tree<'a>, Fault> {
        let at = self.peek().at;
        if !self.word("not") {
            return self.comparison();
        }
        let inner = self.deeper(Self::not)?;
        Ok(Tree { at, part: Part::Not(Box::new(inner)) })
    }

    fn comparison(&mut self) -> Result<Tree<'a>, Fault> {
        let left = self.sum()?;
        let at = self.peek().at;
        match self.one_of(&COMPARISONS) {
            Some(operator) => Ok(binary(at, operator, left, self.sum()?)),
            None if self.peek().what == What::Sign("=") => {
                Err(Fault::new(at, "\"=\" gives a name; \"==\" compares"))
            }
            None => Ok(left),
        }
    }

    fn sum(&mut self) -> Result<Tree<'a>, Fault> {
        let mut left = self.product()?;
        loop {
            let at = self.peek().at;
            let Some(operator) = self.one_of(&SUMS) else { return Ok(left) };
            left = binary(at, operator, left, self.product()?);
        }
    }

    fn product(&mut self) -> Result<Tree<'a>, Fault> {
        let mut left = self.signed()?;
        loop {
            let at = self.peek().at;
            let Some(operator) = self.one_of(&PRODUCTS) else { return Ok(left) };
            left = binary(at, operator, left, self.signed()?);
        }
    }

    fn signed(&mut self) -> Result<Tree<'a>, Fault> {
        let at = self.peek().at;
        if !self.sign("-") {
            return self.atom();
        }
        let inner = self.deeper(Self::signed)?;
        Ok(Tree { at, part: Part::Negative(Box::new(inner)) })
    }

    fn atom(&mut self) -> Result<Tree<'a>, Fault> {
        let Token { at, what } = self.peek().clone();
        if let What::Number(number, unit) = what {
            self.next += 1;
            return Ok(Tree { at, part: Part::Number(number, unit) });
        }
        if self.sign("(") {
            let inner = self.deeper(Self::or)?;
            return if self.sign(")") { Ok(inner) } else { Err(self.unexpected("\")\"")) };
        }
        if !matches!(what, What::Name(_)) {
            return Err(self.unexpected("a number, a name or a bracket"));
        }
        let (name, at) = self.name()?;
        let part = if self.sign("(") { Part::Call(name, self.arguments()?) } else { Part::Name(name) };
        Ok(Tree { at, part })
    }

    fn arguments(&mut self) -> Result<Vec<Tree<'a>>, Fault> {
        let mut arguments = vec![self.deeper(Self::or)?];
        while self.sign(",") {
            arguments.push(self.deeper(Self::or)?);
        }
        if self.sign(")") { Ok(arguments) } else { Err(self.unexpected("\",\" or \")\"")) }
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Result<Tree<'a>, Fault>) -> Result<Tree<'a>, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new(self.peek().at, "this is nested too deeply"));
        }
        self.depth += 1;
        let tree = parse(self);
        self.depth -= 1;
        tree
    }
}

fn binary<'a>(at: usize, operator: Operator, left: Tree<'a>, right: Tree<'a>) -> Tree<'a> {
    Tree { at, part: Part::Binary(operator, Box::new(left), Box::new(right)) }
}
