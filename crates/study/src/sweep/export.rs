//! The rows of a sweep as CSV and JSON lines.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::measure::{Cell, MEASURES, Row};
use super::plan::Plan;
use super::quantity::{self, Kind};

/// A column before the figures: a parameter.
pub(super) struct Parameter {
    /// Its name, with its unit if it has one.
    pub(super) name: String,
    /// What its values count, if they are numbers.
    pub(super) kind: Option<Kind>,
    /// Whether all of them are whole.
    pub(super) is_whole: bool,
}

pub(super) fn parameters(plan: &Plan) -> Vec<Parameter> {
    let parameter = |axis: &super::Axis| {
        let (kind, numbers) = axis.numbers().unzip();
        let is_whole = numbers.iter().flatten().all(|number| number.fract() == 0.0 && number.abs() < 9e15);
        Parameter { name: format!("{}{}", axis.name, kind.map_or("", Kind::suffix)), kind, is_whole }
    };
    plan.axes().iter().map(parameter).collect()
}

/// A value of a parameter of whole numbers.
#[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
pub(super) fn whole(text: &str) -> i64 {
    number(text) as i64
}

/// A value of a parameter as a number of its column.
pub(super) fn number(text: &str) -> f64 {
    quantity::read(text).map_or(f64::NAN, |(_, value)| value)
}

/// A table with a line of names: the number of the run, its parameters, its seed, its figures.
#[must_use]
pub fn csv(plan: &Plan, rows: &[Row]) -> String {
    let parameters = parameters(plan);
    let names = parameters.iter().map(|parameter| quoted(&parameter.name));
    let figures = MEASURES.iter().map(|measure| measure.name.to_owned());
    let header: Vec<String> =
        ["run".to_owned()].into_iter().chain(names).chain(["seed".to_owned()]).chain(figures).collect();
    let mut out = header.join(",") + "\n";
    for row in rows {
        let _ = write!(out, "{}", row.run);
        for (parameter, text) in parameters.iter().zip(plan.values(plan.point_of(row.run))) {
            let _ = match parameter.kind {
                Some(_) => write!(out, ",{}", number(text)),
                None => write!(out, ",{}", quoted(text)),
            };
        }
        let _ = write!(out, ",{}", plan.seed(row.run));
        for cell in &row.cells {
            let _ = match cell {
                Cell::None => write!(out, ","),
                Cell::Count(count) => write!(out, ",{count}"),
                Cell::Real(value) => write!(out, ",{value}"),
            };
        }
        out.push('\n');
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// An object a line, with the same names as the columns of the CSV; figures that are absent are left out.
#[must_use]
pub fn json_lines(plan: &Plan, rows: &[Row]) -> String {
    let parameters = parameters(plan);
    let real = |value| Number::from_f64(value).map_or(Value::Null, Value::Number);
    let mut out = String::new();
    for row in rows {
        let mut object = Map::new();
        object.insert("run".to_owned(), row.run.into());
        for (parameter, text) in parameters.iter().zip(plan.values(plan.point_of(row.run))) {
            let value = match parameter.kind {
                Some(_) if parameter.is_whole => whole(text).into(),
                Some(_) => real(number(text)),
                None => text.into(),
            };
            object.insert(parameter.name.clone(), value);
        }
        object.insert("seed".to_owned(), plan.seed(row.run).into());
        for (measure, cell) in MEASURES.iter().zip(&row.cells) {
            let value = match cell {
                Cell::None => continue,
                Cell::Count(count) => (*count).into(),
                Cell::Real(value) => real(*value),
            };
            object.insert(measure.name.to_owned(), value);
        }
        let _ = writeln!(out, "{}", Value::Object(object));
    }
    out
}
