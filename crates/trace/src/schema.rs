//! What the columns of a table are.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wad_model::counter::{CounterInfo, Kind};

use crate::format::{MAX_COLUMNS, MAX_TABLES};

/// A table of a trace: its rows are samples of flows, each with a time and a value in each column, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What the rows are: "samples", "acks".
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
}

/// A column of a table. Its values are whole numbers of up to 64 bits; any of them may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, such as `DataBytesOut`.
    pub name: String,
    /// What its numbers count: "B", "us", "segments", "B/s", empty for plain numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// How its numbers move.
    pub kind: Kind,
    /// Another name by which it is known, such as that of RFC 4898.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// What it is, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

impl Column {
    /// A column without alias and description.
    pub fn new(name: impl Into<String>, unit: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), unit: unit.into(), kind, alias: String::new(), description: String::new() }
    }

    /// The column of a counter of the project's table.
    #[must_use]
    pub fn of(counter: &CounterInfo) -> Self {
        Self {
            name: counter.name.to_owned(),
            unit: counter.unit.symbol().to_owned(),
            kind: counter.kind,
            alias: counter.rfc4898.to_owned(),
            description: counter.description.to_owned(),
        }
    }

    /// Its name with its unit: "SmoothedRTT_us", "PacingRate_bytes_per_s".
    #[must_use]
    pub fn name_with_unit(&self) -> String {
        let words = |unit: &str| match unit {
            "B" => "bytes".to_owned(),
            other => other.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect(),
        };
        match self.unit.as_str() {
            "" | "1" | "0/1" | "events" => self.name.clone(),
            "bit/s" => format!("{}_bps", self.name),
            unit => {
                let unit: Vec<_> = unit.split('/').map(words).collect();
                format!("{}_{}", self.name, unit.join("_per_"))
            }
        }
    }
}

/// What a schema cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// More tables than a file can have.
    #[error("a trace has at most {MAX_TABLES} tables, not {0}")]
    Tables(usize),
    /// More columns than a table can have.
    #[error("the table \"{table}\" has {columns} columns; the most is {MAX_COLUMNS}")]
    Columns {
        /// The table.
        table: String,
        /// How many it has.
        columns: usize,
    },
    /// Two columns, or tables, of one name.
    #[error("the name \"{0}\" is there twice")]
    Twice(String),
}

impl Schema {
    /// A table.
    pub fn new(name: impl Into<String>, columns: impl IntoIterator<Item = Column>) -> Self {
        Self { name: name.into(), columns: columns.into_iter().collect() }
    }

    /// A table of counters of the project's table; all of them are `wad_model::counter::COUNTERS`.
    pub fn of<'c>(name: impl Into<String>, counters: impl IntoIterator<Item = &'c CounterInfo>) -> Self {
        Self::new(name, counters.into_iter().map(Column::of))
    }

    /// The place of a column, by its name or else by its alias.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        let by_alias = || self.columns.iter().position(|column| !name.is_empty() && column.alias == name);
        self.columns.iter().position(|column| column.name == name).or_else(by_alias)
    }

    /// Whether a file can have these tables.
    ///
    /// # Errors
    /// Says which table has too many columns, or which name is there twice.
    pub fn check(tables: &[Self]) -> Result<(), SchemaError> {
        if tables.len() > MAX_TABLES {
            return Err(SchemaError::Tables(tables.len()));
        }
        unique(tables.iter().map(|table| &table.name))?;
        for table in tables {
            if table.columns.len() > MAX_COLUMNS {
                let (table, columns) = (table.name.clone(), table.columns.len());
                return Err(SchemaError::Columns { table, columns });
            }
            unique(table.columns.iter().map(|column| &column.name))?;
        }
        Ok(())
    }
}

fn unique<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), SchemaError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(SchemaError::Twice(name.clone()));
        }
    }
    Ok(())
}
