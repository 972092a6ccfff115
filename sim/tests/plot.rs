//! Figures: the same bytes twice, well-formed, with the labels that they should have, whatever the data.

use std::collections::BTreeMap;

use rapprochement_core::time::{Duration, Instant};
use rapprochement_sim::measure::results::{Curve, Results};
use rapprochement_sim::measure::statistics::Summary;
use rapprochement_sim::measure::summary::SummaryRow;
use rapprochement_sim::plot::{self, Along, Axis, Figure, Line, Reference, Size, Style};
use rapprochement_sim::scenario::schema::FigureConfig;

/// Results as a run has them: a convergence curve, bandwidth by class, a distribution.
fn results() -> Results {
    let mut results = Results::default();
    for step in 0..120u32 {
        let t = f64::from(step) * 0.5;
        let time = Instant::from_nanos(Duration::from_secs_f64(t).as_nanos());
        results.sample(time, "newest_share", "", 1.0 / (1.0 + libm::exp(-(t - 20.0) / 3.0)));
        results.sample(
            time,
            "sent_wire_bytes_per_node_s",
            "rumour",
            18_000.0 * libm::exp(-(t - 18.0) * (t - 18.0) / 60.0),
        );
        results.sample(time, "sent_wire_bytes_per_node_s", "repair_request", 4_000.0 + 300.0 * libm::sin(t));
        results.sample(time, "sent_wire_bytes_per_node_s", "repair_reply", 9_000.0 * libm::exp(-t / 20.0));
    }
    let cdf =
        (0..400).map(|i| (libm::pow(10.0, -2.0 + f64::from(i) / 130.0), libm::tanh(f64::from(i) / 120.0))).collect();
    results.curves.push(Curve {
        name: "update_latency_cdf".into(),
        x_label: "Time from write to adoption (s)".into(),
        y_label: "Share of deliveries".into(),
        x_log: true,
        lines: vec![("all_nodes".into(), cdf)],
    });
    results
}

/// A sweep as it is drawn: three lines of few points with intervals, on logarithmic axes.
fn sweep(size: Size) -> Figure {
    let line = |name: &str, factor: f64, power: f64| {
        let nodes = [100.0, 1_000.0, 10_000.0, 100_000.0];
        let points: Vec<_> = nodes.iter().map(|n| (*n, factor * libm::pow(*n, power))).collect();
        let band = points.iter().map(|(_, y)| (y * 0.8, y * 1.25)).collect();
        Line { band, ..Line::new(name, points) }
    };
    Figure {
        name: "scaling".into(),
        title: "Convergence against system size".into(),
        x: Axis { log: true, ..Axis::linear("Nodes") },
        y: Axis { log: true, ..Axis::linear("Time to convergence (s)") },
        lines: vec![
            line("full push", 0.9, 0.33),
            line("eager push", 0.3, 0.1),
            line("scuttlebutt", 0.8, 0.14),
            Line { style: Style::Points, ..Line::new("published", vec![(300.0, 0.6), (3_000.0, 0.7)]) },
        ],
        references: vec![Reference { along: Along::Y, at: 20.0, label: "bound".into() }],
        size,
    }
}

/// Where `RAPSIM_FIGURES` names a directory, the figures are left there to be looked at.
fn keep(figure: &Figure, suffix: &str) {
    if let Some(directory) = std::env::var_os("RAPSIM_FIGURES") {
        let path = std::path::Path::new(&directory).join(format!("{}{suffix}", figure.name));
        let rendered = figure.render().unwrap();
        std::fs::write(path.with_extension("png"), rendered.png).unwrap();
        std::fs::write(path.with_extension("svg"), rendered.svg).unwrap();
        std::fs::write(path.with_extension("pdf"), rendered.pdf).unwrap();
    }
}

/// All texts of an SVG.
fn texts(svg: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(svg);
    let mut texts = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            quick_xml::events::Event::Eof => return texts,
            quick_xml::events::Event::Text(text) => {
                let text = text.xml10_content().trim().to_owned();
                if !text.is_empty() {
                    texts.push(text);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_run_gets_convergence_bandwidth_and_its_curves() {
    let figures = plot::standard(&results());
    let names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["convergence", "bandwidth", "update_latency_cdf"]);
    let bandwidth = texts(&figures[1].svg().unwrap());
    for text in ["Time (s)", "Sent per node (kB/s)", "rumour", "repair request", "repair reply", "0", "20"] {
        assert!(bandwidth.iter().any(|found| found == text), "{text} is not in {bandwidth:?}");
    }
    figures.iter().for_each(|figure| keep(figure, ""));
    assert!(plot::standard(&Results::default()).is_empty());
}

#[test]
fn equal_figures_have_equal_bytes_in_every_form() {
    for size in [Size::OneColumn, Size::TwoColumn, Size::Slide] {
        let figure = sweep(size);
        keep(&figure, &format!("-{size:?}"));
        let rendered = figure.render().unwrap();
        assert_eq!(rendered, sweep(size).render().unwrap());
        assert!(rendered.png.starts_with(b"\x89PNG") && rendered.pdf.starts_with(b"%PDF"));
        let drawn = texts(&rendered.svg);
        assert_eq!(drawn.contains(&figure.title), size == Size::Slide, "a title stands on slides only");
        assert!(drawn.contains(&"10³".to_owned()) && drawn.contains(&"published".to_owned()));
    }
}

#[test]
fn a_crowded_plot_has_its_legend_above_and_bands_behind() {
    let wave = |index: u32| {
        let points: Vec<_> = (0..100).map(|x| (f64::from(x), libm::sin(f64::from(x + 13 * index) / 9.0))).collect();
        let band = points.iter().map(|(_, y)| (y - 0.3, y + 0.3)).collect();
        Line { band, ..Line::new(format!("line number {index}"), points) }
    };
    let figure = Figure {
        name: "crowded".into(),
        x: Axis::linear("Time (s)"),
        y: Axis::linear("Amplitude"),
        lines: (1..=7).map(wave).collect(),
        references: vec![Reference { along: Along::X, at: 40.0, label: "heal".into() }],
        ..Figure::default()
    };
    keep(&figure, "");
    let svg = figure.svg().unwrap();
    let drawn = texts(&svg);
    assert!((1..=7).all(|index| drawn.contains(&format!("line number {index}"))) && drawn.contains(&"heal".to_owned()));
    assert_eq!(svg.matches("opacity=\"0.2\"").count(), 7, "a band for each line");
}

#[test]
fn no_data_makes_a_drawing_fail() {
    let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 1e300, f64::MAX, f64::MIN];
    for log in [false, true] {
        for lines in [vec![], odd.map(|x| Line::new("<&\"'>", odd.map(|y| (x, y)).to_vec())).to_vec()] {
            let axis = Axis { log, ..Axis::linear("") };
            let figure = Figure { name: "odd".into(), x: axis.clone(), y: axis, lines, ..Figure::default() };
            texts(&figure.render().unwrap().svg);
        }
    }
}

#[test]
fn a_figure_over_a_sweep_has_a_line_per_value_and_its_points_in_order() {
    let keys = ["protocol.eager_push.repair".to_owned(), "nodes".to_owned()];
    let row = |repair: &str, nodes: &str, values: &[f64]| SummaryRow {
        values: vec![repair.into(), nodes.into()],
        metric: "update_latency_p99_s".into(),
        group: String::new(),
        summary: Summary::of(values),
    };
    let rows = [
        row("2 s", "1000", &[4.0, 6.0]),
        row("500 ms", "1000", &[2.0, 2.0]),
        row("2 s", "100", &[1.0, 3.0]),
        row("500 ms", "100", &[f64::NAN]),
    ];
    let config = |x: &str, lines: Option<&str>| FigureConfig {
        name: "repair".into(),
        x: x.into(),
        y: "update_latency_p99_s".into(),
        lines: lines.map(str::to_owned),
        only: BTreeMap::new(),
        x_label: None,
        y_label: None,
        x_log: false,
        y_log: false,
        reference: None,
    };
    let figures = plot::sweep_figures(&[config("protocol.eager_push.repair", Some("nodes"))], &keys, &rows);
    let lines = &figures[0].lines;
    assert_eq!((lines.len(), lines[0].name.as_str(), lines[1].name.as_str()), (2, "1000", "100"));
    assert_eq!(lines[0].points, [(0.5, 2.0), (2.0, 5.0)], "time spans are seconds, in ascending order");
    assert!(lines[1].points[0].1.is_nan() && lines[1].band[0].0.is_nan(), "a point without any value is not drawn");
    assert_eq!((lines[1].points[0].0, lines[1].points[1]), (0.5, (2.0, 2.0)));
    assert_eq!((&lines[0].runs[..], &lines[1].runs[..]), (&[(2, 0), (2, 0)][..], &[(0, 1), (2, 0)][..]));
    // Mean 5, sd sqrt(2), half-width 12.7062 * sqrt(2) / sqrt(2).
    assert!((lines[0].band[1].0 - (5.0 - 12.7062)).abs() < 1e-4 && (lines[0].band[1].1 - (5.0 + 12.7062)).abs() < 1e-4);
    assert_eq!(figures[0].y.label, "update latency p99 (s)");
    let unnamed = plot::sweep_figures(&[config("nodes", None), config("unknown", None)], &keys, &rows);
    assert_eq!((unnamed.len(), unnamed[0].lines[0].name.as_str()), (1, "repair = 2 s"));
    // One run of two got there: its value alone would flatter, and a line of such points alone is none.
    let partly = [row("2 s", "100", &[1.0, f64::NAN]), row("2 s", "1000", &[1.0, 3.0])];
    let lines = &plot::sweep_figures(&[config("nodes", None)], &keys, &partly)[0].lines;
    assert!(lines[0].points[0].1.is_nan() && lines[0].runs[0] == (1, 1));
    assert_eq!(lines[0].points[1], (1000.0, 2.0));
    assert!(plot::sweep_figures(&[config("nodes", None)], &keys, &partly[..1]).is_empty());
}

#[test]
fn swept_tables_are_called_by_their_first_key_where_that_tells_them_apart() {
    let keys = ["protocol".to_owned(), "nodes".to_owned()];
    let row = |protocol: &str, nodes: &str, value| SummaryRow {
        values: vec![protocol.into(), nodes.into()],
        metric: "live_nodes".into(),
        group: String::new(),
        summary: Summary::of(&[value, value + 1.0]),
    };
    let config = |x: &str, lines: &str| {
        let text = format!("name = 'f'\nx = '{x}'\ny = 'live_nodes'\nlines = '{lines}'");
        vec![toml::from_str::<FigureConfig>(&text).unwrap()]
    };
    let full = "{ full_push = { interval = \"1 s\" } }";
    let eager = |fanout| format!("{{ eager_push = {{ fanout = {fanout} }} }}");
    let rows = [row(full, "10", 1.0), row(&eager(4), "10", 2.0), row(full, "20", 3.0), row(&eager(4), "20", 4.0)];
    let lines = &plot::sweep_figures(&config("nodes", "protocol"), &keys, &rows)[0].lines;
    assert_eq!((lines[0].name.as_str(), lines[1].name.as_str()), ("full push", "eager push"));
    let figure = &plot::sweep_figures(&config("protocol", "nodes"), &keys, &rows)[0];
    keep(figure, "-named");
    assert_eq!(
        (figure.x.names.clone(), figure.lines[1].points.clone()),
        (vec!["full push".into(), "eager push".into()], vec![(1.0, 3.5), (2.0, 4.5)])
    );
    assert!(texts(&figure.svg().unwrap()).contains(&"eager push".to_owned()));
    // A part of the sweep: its key is no part of the lines' names any more.
    let text = format!("name = 'f'\nx = 'nodes'\ny = 'live_nodes'\nonly = {{ protocol = {} }}", eager(4));
    let lines = &plot::sweep_figures(&[toml::from_str(&text).unwrap()], &keys, &rows)[0].lines;
    assert_eq!((lines.len(), lines[0].name.as_str(), &lines[0].points[..]), (1, "", &[(10.0, 2.5), (20.0, 4.5)][..]));
    let alike = [row(&eager(4), "10", 1.0), row(&eager(8), "10", 2.0)];
    assert_eq!(plot::sweep_figures(&config("nodes", "protocol"), &keys, &alike)[0].lines.len(), 2);
}
