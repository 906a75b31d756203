//! The rows of a sweep as Apache Parquet, with the columns of the CSV.

use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use thiserror::Error;

use super::export::{number, parameters, whole};
use super::measure::{Cell, MEASURES, Row};
use super::plan::Plan;

/// A Parquet file could not be made.
#[derive(Debug, Error)]
#[error("cannot make a Parquet file: {0}")]
pub struct ParquetFailure(#[from] ParquetError);

/// A column with its values.
enum Values {
    Counts(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Texts(Vec<Option<ByteArray>>),
}

/// The file. It has no dates and no random parts: the same rows are the same bytes.
///
/// # Errors
/// If its writer refuses them, which rows of a sweep do not provoke.
pub fn parquet(plan: &Plan, rows: &[Row]) -> Result<Vec<u8>, ParquetFailure> {
    let columns = columns(plan, rows);
    let properties =
        WriterProperties::builder().set_created_by(format!("wad {}", env!("CARGO_PKG_VERSION"))).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema(&columns)?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, values) in &columns {
        match values {
            Values::Counts(values) => put::<Int64Type>(&mut group, values)?,
            Values::Reals(values) => put::<DoubleType>(&mut group, values)?,
            Values::Texts(values) => put::<ByteArrayType>(&mut group, values)?,
        }
    }
    group.close()?;
    Ok(writer.into_inner()?)
}

fn columns(plan: &Plan, rows: &[Row]) -> Vec<(String, Values)> {
    let runs = rows.iter().map(|row| i64::try_from(row.run).ok());
    let mut columns = vec![("run".to_owned(), Values::Counts(runs.collect()))];
    for (place, parameter) in parameters(plan).into_iter().enumerate() {
        let texts = rows.iter().map(|row| plan.values(plan.point_of(row.run))[place]);
        let values = match parameter.kind {
            Some(_) if parameter.is_whole => Values::Counts(texts.map(|text| Some(whole(text))).collect()),
            Some(_) => Values::Reals(texts.map(|text| Some(number(text))).collect()),
            None => Values::Texts(texts.map(|text| Some(ByteArray::from(text))).collect()),
        };
        columns.push((parameter.name, values));
    }
    let seeds = rows.iter().map(|row| Some(plan.seed(row.run).cast_signed()));
    columns.push(("seed".to_owned(), Values::Counts(seeds.collect())));
    for (place, measure) in MEASURES.iter().enumerate() {
        let cells = rows.iter().map(|row| row.cells[place]);
        let count = |cell| if let Cell::Count(count) = cell { Some(count.cast_signed()) } else { None };
        let values = if measure.is_count {
            Values::Counts(cells.map(count).collect())
        } else {
            Values::Reals(cells.map(Cell::number).collect())
        };
        columns.push((measure.name.to_owned(), values));
    }
    columns
}

fn schema(columns: &[(String, Values)]) -> Result<TypePtr, ParquetError> {
    let field = |(name, values): &(String, Values)| {
        let (physical, logical) = match values {
            Values::Counts(_) => (Physical::INT64, None),
            Values::Reals(_) => (Physical::DOUBLE, None),
            Values::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("run").with_fields(fields).build().map(Arc::new)
}

fn put<T: parquet::data_type::DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError> {
    let present: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.iter().flatten().cloned().collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<T>().write_batch(&values, Some(&present), None)?;
        column.close()?;
    }
    Ok(())
}
