//! The table of metrics as a document.

use std::fmt::Write as _;

use super::table::{Kind, METRICS};

const HEAD: &str = "# Metrics

The daemon serves numbers to Prometheus where its configuration has [`[metrics]`](CONFIGURATION.md#metrics):

```toml
[metrics]
listen = \"127.0.0.1:9464\"
```

```yaml
scrape_configs:
  - job_name: wad
    static_configs:
      - targets: [\"127.0.0.1:9464\"]
```

`GET /metrics` answers in OpenMetrics 1.0 if the reader asks for it, as Prometheus does, and in Prometheus' older text form
(0.0.4) otherwise. The same page is on the API's Unix socket: `curl --unix-socket /run/wad/api.sock http://wad/metrics`.
There is no authentication: name a loopback address. This file is rendered from the table in the code (`cargo run -p
wad-daemon --example metrics`); a test compares them.

## How many series there are

It depends on the configuration, never on how many flows come: some 40 series for each path, and as many for flows of no
path.

- **`class`** is `designated` for flows of a path, whose name is in **`path`**. With `other_flows = true`, flows of no path are
  summed as `class=\"other\"` with an empty `path`. They are asked for every ten seconds at most, as that takes time on a host
  with many sockets; what one did after it was last seen, and one that came and went in between, is not counted.
- **Series of single flows** (`wad_flow_...`) are there for paths with `metrics = { per_flow = true }`, while a flow is open, and
  for `max_flows` flows at most. More are counted in `wad_flows_beyond_bound`.

Sums are made of the growth of each flow's counters, from sample to sample (`[observe] interval`) and up to its last ones, so that
what a closed flow did stays in them and no sum falls while the daemon runs. A flow that ran before the daemon did, or was
adopted, counts from then on. After a restart or a takeover they begin at zero, which Prometheus knows how to read.

Segments, and the time-outs of kernels before 6.7, are numbers of 32 bits in the kernel: the interval in which one of them
wraps is not counted.

## The dashboard

[dashboards/wad.json](../dashboards/wad.json) shows them in Grafana (10 and later): *Dashboards*, *New*, *Import*, and choose the
data source. A test compares its queries with what a daemon serves.

## The table

";

/// The document of metrics.
#[must_use]
pub fn metrics_reference() -> String {
    let mut text = format!("{HEAD}| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for row in &METRICS {
        let suffix = if row.kind == Kind::Counter { "_total" } else { "" };
        let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| `{}{suffix}` | {} | {} | {} |",
            row.name,
            row.kind.name(),
            labels.join(", "),
            row.help
        );
    }
    text
}
