//! What definitions give for the samples of one flow.

use std::sync::Arc;
use std::time::Duration;

use wad_model::{EventValue, Time};

use super::check::Node;
use super::parse::Operator;
use super::window::Window;
use super::{Definition, Derived};

/// What a definition gives for a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A finite number, in the definition's unit.
    Number(f64),
    /// Whether an alert holds.
    Truth(bool),
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Truth(_) => None,
        }
    }

    /// The truth, if it is one.
    #[must_use]
    pub const fn truth(self) -> Option<bool> {
        match self {
            Self::Truth(truth) => Some(truth),
            Self::Number(_) => None,
        }
    }
}

/// As events say it: an alert is 1 or 0.
impl From<Value> for EventValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Number(number) => number.into(),
            Value::Truth(truth) => i64::from(truth).into(),
        }
    }
}

/// A flow whose derived events are computed.
///
/// The order of calls: [`sample`](Self::sample) for each sample of the flow, in the order of their times.
#[derive(Clone, Debug)]
pub struct Followed {
    definitions: Arc<[Definition]>,
    opened: Option<Time>,
    slots: Vec<Slot>,
    values: Vec<Option<Value>>,
}

/// What is remembered for one place of a definition.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// Of a growth: the sample before. Of a wait: since when.
    before: Option<(Time, f64)>,
    window: Window,
}

impl Followed {
    pub(super) fn new(derived: &Derived, opened: Option<Time>) -> Self {
        Self {
            definitions: Arc::clone(&derived.definitions),
            opened,
            slots: vec![Slot::default(); derived.slots],
            values: Vec::with_capacity(derived.definitions.len()),
        }
    }

    /// The value of each definition for a sample, whose columns have the values that `column` gives by their places.
    pub fn sample(&mut self, time: Time, column: impl Fn(usize) -> Option<u64>) -> &[Option<Value>] {
        let Self { definitions, opened, slots, values } = self;
        values.clear();
        for definition in definitions.iter() {
            let mut sample = Sample { time, opened: *opened, column: &column, values, slots };
            let value = sample.evaluate(&definition.compiled.node);
            values.push(value);
        }
        values
    }
}

struct Sample<'s, F> {
    time: Time,
    opened: Option<Time>,
    column: &'s F,
    /// Of earlier definitions.
    values: &'s [Option<Value>],
    slots: &'s mut [Slot],
}

impl<F: Fn(usize) -> Option<u64>> Sample<'_, F> {
    fn evaluate(&mut self, node: &Node) -> Option<Value> {
        match node {
            Node::Not(inner) => self.truth(inner).map(|truth| Value::Truth(!truth)),
            Node::Binary(Operator::And, left, right) => self.joined(left, right, false),
            Node::Binary(Operator::Or, left, right) => self.joined(left, right, true),
            Node::Binary(operator, left, right) => {
                let (left, right) = (self.number(left), self.number(right));
                calculate(*operator, left?, right?)
            }
            Node::Hold { of, length, slot } => self.hold(of, *length, *slot),
            Node::Derived(index) => self.values.get(*index).copied().flatten(),
            _ => self.quantity(node).map(Value::Number),
        }
    }

    /// The parts that give numbers only.
    fn quantity(&mut self, node: &Node) -> Option<f64> {
        match node {
            Node::Number(number) => Some(*number),
            Node::Column(place, unit) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "above 2^53 the nearest number is near enough"
                )]
                let value = (self.column)(*place)? as f64;
                Some(unit.to_base(value))
            }
            Node::CurrTime(column) => {
                let of_column = column.as_ref().and_then(|column| self.quantity(column));
                Some(of_column.unwrap_or_else(|| self.time.as_secs_f64()))
            }
            Node::StartTime(column) => {
                let of_column = column.as_ref().and_then(|column| self.quantity(column));
                of_column.or_else(|| self.opened.map(Time::as_secs_f64))
            }
            Node::Negative(inner) => self.number(inner).map(|number| -number),
            Node::Growth { of, rate, only_up, slot } => self.growth(of, *rate, *only_up, *slot),
            Node::Window { of, over, length, slot } => {
                let value = self.number(of);
                self.slots[*slot].window.push(self.time, value, *over, *length)
            }
            _ => None,
        }
    }

    fn number(&mut self, node: &Node) -> Option<f64> {
        self.evaluate(node).and_then(Value::number)
    }

    fn truth(&mut self, node: &Node) -> Option<bool> {
        self.evaluate(node).and_then(Value::truth)
    }

    /// "And" and "or": one side alone decides if it is `decisive`. Both are evaluated, as both may have to remember.
    fn joined(&mut self, left: &Node, right: &Node, decisive: bool) -> Option<Value> {
        let sides = [self.truth(left), self.truth(right)];
        if sides.contains(&Some(decisive)) {
            return Some(Value::Truth(decisive));
        }
        sides.iter().all(Option::is_some).then_some(Value::Truth(!decisive))
    }

    fn growth(&mut self, of: &Node, rate: bool, only_up: bool, slot: usize) -> Option<f64> {
        let value = self.number(of)?;
        let (time, before) = self.slots[slot].before.replace((self.time, value))?;
        let grown = value - before;
        if only_up && grown < 0.0 {
            return None;
        }
        let result = if rate { grown / (self.time - time).as_secs_f64() } else { grown };
        result.is_finite().then_some(result)
    }

    fn hold(&mut self, of: &Node, length: Duration, slot: usize) -> Option<Value> {
        let truth = self.truth(of);
        let before = &mut self.slots[slot].before;
        if truth != Some(true) {
            *before = None;
            return truth.map(Value::Truth);
        }
        let (since, _) = *before.get_or_insert((self.time, 0.0));
        Some(Value::Truth(self.time - since >= length))
    }
}

fn calculate(operator: Operator, left: f64, right: f64) -> Option<Value> {
    let number = match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Times => left * right,
        Operator::Over => left / right,
        _ => return Some(Value::Truth(compare(operator, left, right))),
    };
    number.is_finite().then_some(Value::Number(number))
}

#[expect(clippy::float_cmp, reason = "it is what the definition asks for")]
fn compare(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::Equal => left == right,
        _ => left != right,
    }
}
