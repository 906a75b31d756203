//! Apache Parquet, by the project's own crate: encodings are those that suit counters, without a codec.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::{ConvertedType, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::{Context, ExportError, Exporter};
use crate::flow::{Flow, FlowId};
use crate::reader::Batch;

/// Rows of a row group, which is what a reader can skip.
const GROUP: usize = 1 << 17;

const TEXTS: [&str; 2] = ["source", "destination"];

pub(super) struct Parquet<'h, W: Write + Send> {
    context: Context<'h>,
    out: SerializedFileWriter<W>,
    rows: Rows,
}

/// The rows of a group, by columns.
#[derive(Default)]
struct Rows {
    dates: Vec<i64>,
    elapsed: Vec<i64>,
    flows: Vec<i64>,
    ends: [Vec<ByteArray>; 2],
    /// The values that are present, and for each row whether it has one.
    columns: Vec<(Vec<i64>, Vec<i16>)>,
}

impl<'h, W: Write + Send> Parquet<'h, W> {
    pub(super) fn new(context: Context<'h>, out: W) -> Result<Self, ExportError> {
        let schema = schema(context)?;
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("wad {}", env!("CARGO_PKG_VERSION")))
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BINARY_PACKED);
        for text in TEXTS {
            let path = ColumnPath::from(text);
            properties = properties
                .set_column_encoding(path.clone(), Encoding::PLAIN)
                .set_column_dictionary_enabled(path, true);
        }
        let out = SerializedFileWriter::new(out, schema, Arc::new(properties.build())).map_err(failed)?;
        let rows = Rows::new(context.schema.columns.len());
        Ok(Self { context, out, rows })
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let rows = std::mem::replace(&mut self.rows, Rows::new(self.context.schema.columns.len()));
        if rows.dates.is_empty() {
            return Ok(());
        }
        let mut group = self.out.next_row_group().map_err(failed)?;
        let put = |group: &mut SerializedRowGroupWriter<'_, W>| -> Result<(), ParquetError> {
            for numbers in [&rows.dates, &rows.elapsed, &rows.flows] {
                put_numbers(group, numbers, None)?;
            }
            for texts in &rows.ends {
                if let Some(mut column) = group.next_column()? {
                    column.typed::<ByteArrayType>().write_batch(texts, None, None)?;
                    column.close()?;
                }
            }
            rows.columns.iter().try_for_each(|(values, present)| put_numbers(group, values, Some(present)))
        };
        put(&mut group).map_err(failed)?;
        group.close().map_err(failed)?;
        Ok(())
    }
}

impl Rows {
    fn new(columns: usize) -> Self {
        Self { columns: vec![(Vec::new(), Vec::new()); columns], ..Self::default() }
    }
}

fn put_numbers<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    numbers: &[i64],
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(numbers, present, None)?;
        column.close()?;
    }
    Ok(())
}

impl<W: Write + Send> Exporter for Parquet<'_, W> {
    fn batch(&mut self, batch: &Batch, flows: &BTreeMap<FlowId, Flow>) -> Result<(), ExportError> {
        let context = self.context;
        for sample in context.samples(batch, flows) {
            self.rows.dates.push(sample.date.as_nanos());
            self.rows.elapsed.push(sample.elapsed);
            self.rows.flows.push(sample.id.number().cast_signed());
            for (texts, text) in self.rows.ends.iter_mut().zip([sample.source(), sample.destination()]) {
                texts.push(ByteArray::from(text.into_bytes()));
            }
            for ((values, present), value) in self.rows.columns.iter_mut().zip(sample.block.row(sample.row)) {
                present.push(i16::from(value.is_some()));
                values.extend(value.map(u64::cast_signed));
            }
        }
        if self.rows.dates.len() >= GROUP { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(), ExportError> {
        self.write_group()?;
        self.out.close().map_err(failed)?;
        Ok(())
    }
}

/// The names and types: a date, what CSV has beside it, and the columns, which may be null.
fn schema(context: Context<'_>) -> Result<TypePtr, ExportError> {
    let required = |name: &str, physical, logical| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
            .map_err(failed)
    };
    let date = LogicalType::timestamp(true, TimeUnit::NANOS);
    let mut fields = vec![
        required("time", Physical::INT64, Some(date))?,
        required("elapsed_ns", Physical::INT64, None)?,
        required("flow", Physical::INT64, None)?,
    ];
    for text in TEXTS {
        fields.push(required(text, Physical::BYTE_ARRAY, Some(LogicalType::String))?);
    }
    for column in &context.schema.columns {
        let field = Type::primitive_type_builder(&column.name_with_unit(), Physical::INT64)
            .with_repetition(Repetition::OPTIONAL)
            .with_converted_type(ConvertedType::UINT_64)
            .with_logical_type(Some(LogicalType::integer(64, false)))
            .build()
            .map_err(failed)?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder("sample").with_fields(fields).build().map(Arc::new).map_err(failed)
}

fn failed(error: ParquetError) -> ExportError {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => ExportError::Write(*error),
            Err(source) => ExportError::Parquet(source.to_string()),
        },
        error => ExportError::Parquet(error.to_string()),
    }
}
