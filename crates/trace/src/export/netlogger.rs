//! NetLogger events, as the sensors of the NTAF wrote them: of a counter the change since the sample before, of a
//! gauge its value with the change as `DELTA`; nothing where nothing changed. `ID` is the number of the flow.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use wad_model::{Event, EventForm, EventValue, Time, Timestamp};

use super::{Context, ExportError, Exporter, Sample};
use crate::flow::{Flow, FlowId};
use crate::reader::Batch;
use wad_model::counter::Kind;

pub(super) struct NetLogger<'h, W: Write> {
    context: Context<'h>,
    form: EventForm,
    out: BufWriter<W>,
    /// The last values of each flow that is open.
    last: BTreeMap<FlowId, Vec<Option<u64>>>,
}

impl<'h, W: Write> NetLogger<'h, W> {
    pub(super) fn new(context: Context<'h>, form: EventForm, out: W) -> Self {
        Self { context, form, out: BufWriter::new(out), last: BTreeMap::new() }
    }

    fn write(&mut self, event: &Event) -> Result<(), ExportError> {
        Ok(writeln!(self.out, "{}", self.form.write(event))?)
    }

    /// An event of a flow.
    fn event(&self, date: Timestamp, id: FlowId, flow: Option<&Flow>, name: &str) -> Event {
        let event = Event {
            host: Some(self.context.header.host.clone()),
            program: Some(self.context.header.program.clone()),
            level: Some("Usage".to_owned()),
            ..Event::new(date, name)
        };
        let event = event.with("ID", id.number());
        let Some(flow) = flow else { return event };
        let (source, destination) = (flow.key.source, flow.key.destination);
        Event {
            source: Some(source.ip().to_string()),
            destination: Some(destination.ip().to_string()),
            ..event
        }
        .with("SPORT", u64::from(source.port()))
        .with("DPORT", u64::from(destination.port()))
    }

    fn sample(&mut self, sample: &Sample<'_>) -> Result<(), ExportError> {
        let values: Vec<_> = sample.block.row(sample.row).collect();
        let before = self.last.insert(sample.id, values.clone());
        for (place, value) in values.into_iter().enumerate() {
            let before = before.as_ref().and_then(|before| before[place]);
            let (Some(value), true) = (value, value != before) else { continue };
            let column = &self.context.schema.columns[place];
            let event = self.event(sample.date, sample.id, sample.flow, &column.name);
            let delta = before.map(|before| i128::from(value) - i128::from(before));
            let event = match (column.kind, delta) {
                (Kind::Counter | Kind::StateTime, Some(delta)) => {
                    Event { value: Some(number(delta)), ..event }
                }
                (_, None) => Event { value: Some(EventValue::from(value)), ..event },
                (Kind::Gauge, Some(delta)) => {
                    Event { value: Some(EventValue::from(value)), ..event }.with("DELTA", number(delta))
                }
            };
            let event = if column.unit.is_empty() { event } else { event.with("UNIT", column.unit.as_str()) };
            self.write(&event)?;
        }
        Ok(())
    }
}

fn number(delta: i128) -> EventValue {
    i64::try_from(delta).map_or_else(|_| EventValue::Text(delta.to_string()), EventValue::Integer)
}

impl<W: Write> Exporter for NetLogger<'_, W> {
    fn batch(&mut self, batch: &Batch, flows: &BTreeMap<FlowId, Flow>) -> Result<(), ExportError> {
        let date = |time: Time| batch.clock.wall_at(time);
        for (id, flow) in &batch.opened {
            if let Some(opened) = flow.opened {
                let event = self.event(date(opened), *id, Some(flow), "FlowOpen");
                let event =
                    flow.labels.iter().fold(event, |event, (name, text)| event.with(name, text.as_str()));
                self.write(&event)?;
            }
        }
        let context = self.context;
        for sample in context.samples(batch, flows) {
            self.sample(&sample)?;
        }
        for closed in &batch.closed {
            let event = self.event(date(closed.at), closed.flow, flows.get(&closed.flow), "FlowClose");
            self.write(&event)?;
            self.last.remove(&closed.flow);
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }
}
