//! From a tree to what can be evaluated: names found, units checked.

use std::time::Duration;

use super::parse::{Operator, Parsed, Part, Tree, duration_of};
use super::{Definition, Fault};
use crate::schema::Schema;
use crate::unit::{Dimension, Unit};

/// What an expression gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Quantity(Dimension),
    Truth,
}

/// A definition that was checked.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) kind: Type,
    pub(super) node: Node,
}

/// An expression whose parts fit. A slot is where a flow keeps what it remembers for it.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Number(f64),
    /// A column and its unit.
    Column(usize, Unit),
    /// When the sample was taken: of the column, if there is one with a value, or of the sample itself.
    CurrTime(Option<Box<Self>>),
    StartTime(Option<Box<Self>>),
    Derived(usize),
    Negative(Box<Self>),
    Not(Box<Self>),
    Binary(Operator, Box<Self>, Box<Self>),
    /// The growth since the sample before; for each second if `rate`.
    Growth {
        of: Box<Self>,
        rate: bool,
        only_up: bool,
        slot: usize,
    },
    Window {
        of: Box<Self>,
        over: Over,
        length: Option<Duration>,
        slot: usize,
    },
    Hold {
        of: Box<Self>,
        length: Duration,
        slot: usize,
    },
}

/// What a window gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Min,
    Max,
    Average,
}

/// What names may mean.
pub(super) struct Names<'a> {
    pub(super) schema: &'a Schema,
    pub(super) definitions: &'a [Definition],
}

const CURR_TIME: &str = "CurrTime";
const START_TIME: &str = "StartTime";
const FUNCTIONS: [&str; 5] = ["rate", "delta", "min", "max", "avg"];

/// An expression while it is checked.
struct Checked {
    node: Node,
    kind: Type,
    /// The number that it is, if it is written as one without a unit.
    plain: Option<f64>,
}

pub(super) fn compile(parsed: &Parsed<'_>, names: &Names<'_>, slots: &mut usize) -> Result<Compiled, Fault> {
    let mut checker = Checker { names, slots };
    let Checked { node, kind, .. } = checker.check(&parsed.tree)?;
    let node = match parsed.hold {
        None => node,
        Some(_) if kind == Type::Truth => {
            let (length, _) = parsed.hold.unwrap_or_default();
            Node::Hold { of: Box::new(node), length, slot: checker.slot() }
        }
        Some((_, at)) => return Err(Fault::new(at, "only what is true or false can hold for a time")),
    };
    Ok(Compiled { kind, node })
}

struct Checker<'a> {
    names: &'a Names<'a>,
    slots: &'a mut usize,
}

impl Checker<'_> {
    fn check(&mut self, tree: &Tree<'_>) -> Result<Checked, Fault> {
        match &tree.part {
            Part::Number(number, None) => {
                Ok(Checked { plain: Some(*number), ..quantity(Node::Number(*number), Dimension::default()) })
            }
            Part::Number(number, Some(unit)) => Ok(quantity(Node::Number(*number), unit.dimension().clone())),
            Part::Name(name) => self.name(name, tree.at),
            Part::Negative(inner) => {
                let at = inner.at;
                let inner = self.check(inner)?;
                let dimension = inner.dimension(at)?;
                Ok(quantity(Node::Negative(Box::new(inner.node)), dimension))
            }
            Part::Not(inner) => {
                let node = self.truth(inner)?;
                Ok(truth(Node::Not(Box::new(node))))
            }
            Part::Binary(operator @ (Operator::And | Operator::Or), left, right) => {
                let (left, right) = (self.truth(left)?, self.truth(right)?);
                Ok(truth(Node::Binary(*operator, Box::new(left), Box::new(right))))
            }
            Part::Binary(operator, left, right) => self.binary(*operator, tree.at, left, right),
            Part::Call(name, arguments) => self.call(name, tree.at, arguments),
        }
    }

    fn name(&self, name: &str, at: usize) -> Result<Checked, Fault> {
        let column = self.column(name, at)?;
        if name == CURR_TIME || name == START_TIME {
            let inner = column.map(|checked| Box::new(checked.node));
            let node = if name == CURR_TIME { Node::CurrTime(inner) } else { Node::StartTime(inner) };
            return Ok(quantity(node, Dimension::seconds()));
        }
        if let Some(column) = column {
            return Ok(column);
        }
        let earlier = self.names.definitions.iter().position(|definition| definition.name() == name);
        let Some(index) = earlier else { return Err(Fault::new(at, self.unknown(name))) };
        let kind = self.names.definitions[index].compiled.kind.clone();
        Ok(Checked { node: Node::Derived(index), kind, plain: None })
    }

    fn column(&self, name: &str, at: usize) -> Result<Option<Checked>, Fault> {
        let Some(place) = self.names.schema.position(name) else { return Ok(None) };
        let column = &self.names.schema.columns[place];
        let unit: Unit =
            column.unit.parse().map_err(|error| Fault::new(at, format!("the unit of {name}: {error}")))?;
        let dimension = unit.dimension().clone();
        Ok(Some(quantity(Node::Column(place, unit), dimension)))
    }

    fn unknown(&self, name: &str) -> String {
        let columns = self.names.schema.columns.iter().map(|column| column.name.as_str());
        let earlier = self.names.definitions.iter().map(Definition::name);
        let nearest = crate::nearest(name, columns.chain(earlier).chain([CURR_TIME, START_TIME]));
        format!("nothing is called \"{name}\"{nearest}")
    }

    fn truth(&mut self, tree: &Tree<'_>) -> Result<Node, Fault> {
        match self.check(tree)? {
            Checked { node, kind: Type::Truth, .. } => Ok(node),
            _ => Err(Fault::new(tree.at, "expected something true or false, such as a comparison")),
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        at: usize,
        left: &Tree<'_>,
        right: &Tree<'_>,
    ) -> Result<Checked, Fault> {
        let (left_at, right_at) = (left.at, right.at);
        let (left, right) = (self.check(left)?, self.check(right)?);
        let dimensions = (left.dimension(left_at)?, right.dimension(right_at)?);
        let dimension = match operator {
            Operator::Times => product(&dimensions.0, &dimensions.1, left.plain, right.plain),
            Operator::Over => quotient(&dimensions.0, &dimensions.1, right.plain),
            _ => alike(operator, at, dimensions, &left, &right)?,
        };
        let node = Node::Binary(operator, Box::new(left.node), Box::new(right.node));
        let arithmetic =
            matches!(operator, Operator::Plus | Operator::Minus | Operator::Times | Operator::Over);
        Ok(if arithmetic { quantity(node, dimension) } else { truth(node) })
    }

    fn call(&mut self, name: &str, at: usize, arguments: &[Tree<'_>]) -> Result<Checked, Fault> {
        let over = match name {
            "rate" | "delta" => None,
            "min" => Some(Over::Min),
            "max" => Some(Over::Max),
            "avg" => Some(Over::Average),
            _ => {
                let nearest = crate::nearest(name, FUNCTIONS);
                return Err(Fault::new(at, format!("there is no function \"{name}\"{nearest}")));
            }
        };
        let most = if over.is_some() { 2 } else { 1 };
        if let Some(surplus) = arguments.get(most) {
            return Err(Fault::new(surplus.at, format!("{name} takes no more than {most} in its brackets")));
        }
        let tree = arguments.first().ok_or_else(|| Fault::new(at, format!("{name} of what?")))?;
        let of = self.check(tree)?;
        let dimension = of.dimension(tree.at)?;
        let Some(over) = over else { return Ok(self.growth(name == "rate", of, &dimension)) };
        let length = arguments.get(1).map(window_length).transpose()?;
        let node = Node::Window { of: Box::new(of.node), over, length, slot: self.slot() };
        Ok(quantity(node, dimension))
    }

    fn growth(&mut self, rate: bool, of: Checked, dimension: &Dimension) -> Checked {
        let only_up = match of.node {
            Node::Column(place, _) => self.names.schema.columns[place].kind.is_cumulative(),
            _ => false,
        };
        let dimension = if rate { dimension.times(&Dimension::seconds(), -1) } else { dimension.clone() };
        quantity(Node::Growth { of: Box::new(of.node), rate, only_up, slot: self.slot() }, dimension)
    }

    const fn slot(&mut self) -> usize {
        *self.slots += 1;
        *self.slots - 1
    }
}

impl Checked {
    fn dimension(&self, at: usize) -> Result<Dimension, Fault> {
        match &self.kind {
            Type::Quantity(dimension) => Ok(dimension.clone()),
            Type::Truth => Err(Fault::new(at, "expected a number, not something true or false")),
        }
    }
}

const fn quantity(node: Node, dimension: Dimension) -> Checked {
    Checked { node, kind: Type::Quantity(dimension), plain: None }
}

const fn truth(node: Node) -> Checked {
    Checked { node, kind: Type::Truth, plain: None }
}

const EIGHT: Option<f64> = Some(8.0);

/// Bytes times the plain number 8 are bits.
fn product(
    left: &Dimension,
    right: &Dimension,
    plain_left: Option<f64>,
    plain_right: Option<f64>,
) -> Dimension {
    let bits = |dimension: &Dimension, factor| {
        if factor == EIGHT { dimension.with_base("B", "bit") } else { None }
    };
    bits(left, plain_right).or_else(|| bits(right, plain_left)).unwrap_or_else(|| left.times(right, 1))
}

/// Bits divided by the plain number 8 are bytes.
fn quotient(left: &Dimension, right: &Dimension, plain_right: Option<f64>) -> Dimension {
    let bytes = if plain_right == EIGHT { left.with_base("bit", "B") } else { None };
    bytes.unwrap_or_else(|| left.times(right, -1))
}

/// The dimension that both sides have. A plain zero has any.
fn alike(
    operator: Operator,
    at: usize,
    (left, right): (Dimension, Dimension),
    left_side: &Checked,
    right_side: &Checked,
) -> Result<Dimension, Fault> {
    if left == right || right_side.plain == Some(0.0) {
        return Ok(left);
    }
    if left_side.plain == Some(0.0) {
        return Ok(right);
    }
    let verb = match operator {
        Operator::Plus => "added to",
        Operator::Minus => "subtracted from",
        _ => "compared with",
    };
    // "A - B" subtracts B from A.
    let (first, second) = if operator == Operator::Minus { (&right, &left) } else { (&left, &right) };
    let bits = (left.with_base("B", "bit").as_ref() == Some(&right)
        || right.with_base("B", "bit").as_ref() == Some(&left))
    .then_some("; bytes times 8 are bits");
    let advice = match bits {
        Some(bits) => bits.to_owned(),
        None if left_side.plain.is_some() => format!("; write the number with its unit, {right}"),
        None if right_side.plain.is_some() => format!("; write the number with its unit, {left}"),
        None => String::new(),
    };
    Err(Fault::new(at, format!("{} cannot be {verb} {}{advice}", in_words(first), in_words(second))))
}

fn in_words(dimension: &Dimension) -> String {
    if dimension.is_number() { "a plain number".to_owned() } else { format!("a number of {dimension}") }
}

fn window_length(tree: &Tree<'_>) -> Result<Duration, Fault> {
    let length = match &tree.part {
        Part::Number(number, unit) => duration_of(*number, unit.as_ref()),
        _ => None,
    };
    length.ok_or_else(|| Fault::new(tree.at, "expected the length of a window, such as 10 s"))
}
