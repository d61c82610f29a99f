//! What TypeScript knows of operations, optimizers, losses, initializers and activations is written here from their
//! Rust descriptions: `node scripts/generate.mjs` runs the test below so that it writes, all other runs compare.

use crate::ops::activation::ACTIVATIONS;
use crate::ops::{ActivationKind, Entry, elementwise, loss};
use crate::optim;
use crate::registry::operations;
use crate::setting::{Setting, SettingKind};
use crate::values::InitializerKind;
use seqloom_kernels::{CellKind, CellSpec};
use serde_json::Value;
use std::ops::RangeInclusive;
use std::path::Path;

const HEAD: &str = "// Written by scripts/generate.mjs from crates/graph; do not edit.\n\n";

/// `{ key: value, … }`.
fn object<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, String)>) -> String {
    let entries = entries.into_iter().map(|(key, value)| format!("{}: {value}", key.as_ref()));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
}

fn list(entries: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", entries.into_iter().collect::<Vec<_>>().join(", "))
}

fn quoted(text: impl AsRef<str>) -> String {
    format!("'{}'", text.as_ref())
}

/// A variant as it stands on the wire.
fn wire_name(variant: &str) -> String {
    let (first, rest) = variant.split_at(1);
    format!("{}{rest}", first.to_lowercase())
}

/// A default as TypeScript writes it.
fn default(json: &str) -> String {
    match serde_json::from_str(json).unwrap() {
        Value::String(text) => quoted(text),
        Value::Number(number) if number.as_f64().unwrap().fract() == 0.0 => {
            number.as_f64().unwrap().to_string()
        }
        other => other.to_string(),
    }
}

/// What a setting is.
fn kind(of: SettingKind) -> Vec<(&'static str, String)> {
    match of {
        SettingKind::Number => vec![("type", quoted("number"))],
        SettingKind::Integer => vec![("type", quoted("integer"))],
        SettingKind::Flag => vec![("type", quoted("flag"))],
        SettingKind::Text => vec![("type", quoted("text"))],
        SettingKind::Axis => vec![("type", quoted("axis"))],
        SettingKind::Other => vec![("type", quoted("other"))],
        SettingKind::Name(variants) => {
            let names = list(variants.iter().map(|variant| quoted(wire_name(variant))));
            vec![("type", quoted("name")), ("of", names)]
        }
        SettingKind::List(inner) => vec![("type", quoted("list")), ("of", object(kind(*inner)))],
        SettingKind::Optional(inner) => {
            kind(*inner).into_iter().chain([("optional", "true".to_owned())]).collect()
        }
    }
}

fn setting(setting: &Setting) -> String {
    let mut entries = kind(setting.kind);
    let range = setting.range;
    if range.least.is_finite() {
        entries.push((if range.above { "above" } else { "least" }, range.least.to_string()));
    }
    if range.below.is_finite() {
        entries.push(("below", range.below.to_string()));
    }
    if let Some(json) = setting.default.filter(|&json| json != "null") {
        entries.push(("default", default(json)));
    }
    object(entries)
}

fn settings<'a>(all: impl IntoIterator<Item = &'a Setting>) -> String {
    object(all.into_iter().map(|each| (each.wire_name(), setting(each))))
}

fn operation(entry: &Entry) -> String {
    let range = |range: &RangeInclusive<usize>| {
        let end = if *range.end() == usize::MAX { "Infinity".to_owned() } else { range.end().to_string() };
        format!("[{}, {end}]", range.start())
    };
    let mut entries = vec![("inputs", range(&entry.inputs)), ("weights", range(&entry.weights))];
    entries.push(("outputs", range(&entry.outputs)));
    entries.extend(entry.traced.map(|rule| ("shape", quoted(rule))));
    entries.push(("settings", settings(entry.settings)));
    object(entries)
}

fn constant(about: &str, name: &str, value: &str) -> String {
    format!("/** {about} */\nexport const {name} = {value} as const\n\n")
}

fn table() -> String {
    let in_cells = |kind: ActivationKind| match kind {
        ActivationKind::Elementwise(kind) => CellSpec::new(CellKind::Lstm, 1, 1, kind, kind).is_ok(),
        _ => false,
    };
    let activations = |cells: bool| {
        let found = ACTIVATIONS.iter().filter(|&&(_, kind)| in_cells(kind) == cells);
        list(found.map(|(name, _)| quoted(name)))
    };
    let functions = elementwise::ElementwiseKind::ALL.iter().map(|kind| {
        let smooth = (0..kind.arity()).any(|input| kind.differentiable(input));
        let name = wire_name(&format!("{kind:?}"));
        (name, object([("inputs", kind.arity().to_string()), ("gradient", smooth.to_string())]))
    });
    let losses = loss::LossKind::ALL.iter().map(|kind| {
        let own = |setting: &&Setting| kind.options().contains(&setting.name);
        (wire_name(&format!("{kind:?}")), settings(loss::SETTINGS.iter().filter(own)))
    });
    let initializers = InitializerKind::ENTRIES.iter().map(|entry| {
        let about = [("seeded", entry.draws.to_string()), ("settings", settings(entry.settings))];
        (wire_name(entry.variant), object(about))
    });
    [
        HEAD.to_owned(),
        constant("Activations that recurrent cells compute inside their kernels.", "cellActivations", &activations(true)),
        constant("All other activations.", "otherActivations", &activations(false)),
        constant("Functions of the operation `elementwise`.", "elementwise", &object(functions)),
        constant("Initializers.", "initializers", &object(initializers)),
        constant("Losses, with the settings that a user may choose.", "losses", &object(losses)),
        constant(
            "Operations: from how many to how many inputs, weights and outputs; the rule for its shape in traced functions, if it is one of theirs; settings.",
            "operations",
            &object(operations().map(|entry| (entry.name, operation(entry)))),
        ),
    ]
    .concat()
}

/// A doc comment of TypeScript.
fn comment(indent: &str, text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(str::trim).collect();
    match lines[..] {
        [line] => format!("{indent}/** {line} */\n"),
        _ => {
            let lines = lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n");
            format!("{indent}/**\n{}{indent} */\n", lines.collect::<String>())
        }
    }
}

fn optimizer(entry: &optim::Entry) -> String {
    let optim::Entry { name, learning_rate, described: (type_name, about), .. } = entry;
    let fields = entry.settings.iter().map(|setting| {
        let fallback = default(setting.default.unwrap());
        let about = format!("{}; default {fallback}.", setting.doc.trim().trim_end_matches('.'));
        let value = match setting.kind {
            SettingKind::Flag => "boolean".to_owned(),
            SettingKind::Name(names) => {
                names.iter().map(|name| quoted(wire_name(name))).collect::<Vec<_>>().join(" | ")
            }
            SettingKind::List(SettingKind::Text) => "readonly string[]".to_owned(),
            _ => "number".to_owned(),
        };
        format!("{}  readonly {}?: {value}\n", comment("  ", &about), setting.wire_name())
    });
    let fields: String = fields.collect();
    let options = format!("Options of {{@link {name}}}; `learningRate` defaults to {learning_rate}.");
    format!(
        "{}export interface {type_name}Options extends OptimizerOptions {{\n{fields}}}\n\n\
         {}export function {name}(options: {type_name}Options = {{}}): Optimizer {{\n  \
         return makeOptimizer('{name}', options, {learning_rate}, {})\n}}\n\n",
        comment("", &options),
        comment("", &format!("{about}\nErrors: `ERR_OPTION`, `ERR_UNSUPPORTED`.")),
        settings(entry.settings),
    )
}

fn optimizers() -> String {
    let all: String = optim::ENTRIES.iter().map(optimizer).collect();
    let names = optim::ENTRIES.iter().map(|entry| entry.name);
    format!(
        "{HEAD}import {{ makeOptimizer, type OptimizerOf, type OptimizerOptions }} from './optimizer.js'\n\n\
         /** The kinds of optimizers. */\nexport type OptimizerKind = {}\n\n\
         /** An optimizer as data: its kind and all its settings. */\nexport type Optimizer = OptimizerOf<OptimizerKind>\n\n\
         {}\n",
        names.map(quoted).collect::<Vec<_>>().join(" | "),
        all.trim_end(),
    )
}

/// What remains of a text when a formatter has been at it or not.
fn bare(text: &str) -> String {
    let dense: String = text.chars().filter(|c| !c.is_whitespace() && !"'\"`".contains(*c)).collect();
    dense.replace(",}", "}").replace(",]", "]").replace(",)", ")").replace("=|", "=")
}

#[test]
fn typescript_has_what_rust_describes() {
    for (file, text) in [("table.ts", table()), ("optimizers/rules.ts", optimizers())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src").join(file);
        if std::env::var_os("SEQLOOM_GENERATE").is_some() {
            std::fs::write(&path, text).unwrap();
        } else {
            let present = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                bare(&present) == bare(&text),
                "src/{file} is not fresh: run `node scripts/generate.mjs`"
            );
        }
    }
}
