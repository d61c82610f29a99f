//! Settings of operations, optimizers and initializers, each declared once: what declares them makes the struct
//! that holds them, reads and checks them, and describes them to TypeScript.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Settings by name, as they come over the wire.
pub(crate) type Settings = Map<String, Value>;

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// In snake case, which is camel case on the wire.
    pub(crate) name: &'static str,
    pub(crate) range: Range,
    /// As JSON; a setting without one must be given.
    pub(crate) default: Option<&'static str>,
    #[cfg(test)]
    pub(crate) doc: &'static str,
    #[cfg(test)]
    pub(crate) kind: SettingKind,
}

/// The numbers that a setting takes, all of them finite in single precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) least: f64,
    /// Whether `least` itself is left out.
    pub(crate) above: bool,
    pub(crate) below: f64,
}

impl Range {
    pub(crate) const ANY: Self = Self { least: f64::NEG_INFINITY, above: false, below: f64::INFINITY };
    pub(crate) const NON_NEGATIVE: Self = Self { least: 0.0, ..Self::ANY };
    /// Also as a float32 that is not flushed to 0.
    pub(crate) const POSITIVE: Self = Self { above: true, ..Self::NON_NEGATIVE };
    pub(crate) const AT_LEAST_ONE: Self = Self { least: 1.0, ..Self::ANY };
    /// Whole numbers of 32 bits, with a sign.
    pub(crate) const SIGNED: Self = Self { least: -2_147_483_648.0, ..Self::ANY };
    /// From 0 to below 1.
    pub(crate) const SHARE: Self = Self { below: 1.0, ..Self::NON_NEGATIVE };

    fn contains(self, value: f64) -> bool {
        let single = value as f32;
        let low = if self.above { value > self.least && single.is_normal() } else { value >= self.least };
        low && value < self.below && single.is_finite()
    }

    fn expected(self) -> String {
        let low = match self {
            Self { least: f64::NEG_INFINITY, .. } => String::new(),
            Self { least, above: true, .. } => format!(" above {least}"),
            Self { least, .. } => format!(" of at least {least}"),
        };
        let high =
            if self.below < f64::INFINITY { format!(" and below {}", self.below) } else { String::new() };
        format!("a finite number{low}{high}")
    }
}

impl Setting {
    /// The name on the wire.
    pub(crate) fn wire_name(&self) -> String {
        camel_case(self.name)
    }

    fn check(&self, value: &Value) -> Result<()> {
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.check(value)),
            Value::Number(number) if !number.as_f64().is_some_and(|number| self.range.contains(number)) => {
                let (name, expected) = (self.wire_name(), self.range.expected());
                Err(Error::option(format!("{name} must be {expected}, not {number}")))
            }
            _ => Ok(()),
        }
    }
}

/// `beta_one` as `betaOne`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let (initial, rest) = word.split_at(word.len().min(1));
        all.push_str(&initial.to_uppercase());
        all.push_str(rest);
        all
    })
}

/// What a setting is, for TypeScript.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum SettingKind {
    Number,
    Integer,
    Flag,
    Text,
    /// A dimension, negative ones counted from the end.
    Axis,
    /// One of these variants of an enumeration.
    Name(&'static [&'static str]),
    List(&'static SettingKind),
    Optional(&'static SettingKind),
    /// An initializer, or something that TypeScript makes for one operation alone.
    Other,
}

/// The type of a setting.
pub(crate) trait Type: DeserializeOwned {
    #[cfg(test)]
    const KIND: SettingKind;
}

macro_rules! types {
    ($($type:ty: $kind:ident),*) => {$(
        impl Type for $type {
            #[cfg(test)]
            const KIND: SettingKind = SettingKind::$kind;
        }
    )*};
}
types!(f64: Number, usize: Integer, u64: Integer, i32: Integer, i64: Axis, bool: Flag, String: Text);

impl<T: Type> Type for Vec<T> {
    #[cfg(test)]
    const KIND: SettingKind = SettingKind::List(&T::KIND);
}

impl<T: Type> Type for Option<T> {
    #[cfg(test)]
    const KIND: SettingKind = SettingKind::Optional(&T::KIND);
}

/// Reads settings one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    settings: std::slice::Iter<'static, Setting>,
    given: &'a Settings,
    checks: bool,
}

impl<'a> Reader<'a> {
    /// Refuses settings that there are not.
    pub(crate) fn new(settings: &'static [Setting], given: &'a Settings) -> Result<Self> {
        let names = || settings.iter().map(Setting::wire_name);
        match given.keys().find(|given| names().all(|name| name != **given)) {
            None => Ok(Self { settings: settings.iter(), given, checks: true }),
            Some(other) => {
                let names = names().collect::<Vec<_>>().join(", ");
                Err(Error::option(format!("there is no setting '{other}'; there are: {names}")))
            }
        }
    }

    /// Leaves ranges to whoever uses the values.
    pub(crate) fn unchecked(self) -> Self {
        Self { checks: false, ..self }
    }

    /// The next setting's value, or its default.
    pub(crate) fn next<T: Type>(&mut self) -> Result<T> {
        let setting =
            self.settings.next().ok_or_else(|| Error::native("There are fewer settings than fields"))?;
        let wrong = |error| Error::option(format!("{}: {error}", setting.wire_name()));
        match (self.given.get(&setting.wire_name()), setting.default) {
            (None, None) => Err(Error::option(format!("{} is missing", setting.wire_name()))),
            (None, Some(default)) => serde_json::from_str(default).map_err(wrong),
            (Some(value), _) => {
                if self.checks {
                    setting.check(value)?;
                }
                T::deserialize(value).map_err(wrong)
            }
        }
    }
}

/// Declares settings: a struct with a field for each, `name: type [range] = default;`, of which range and default
/// may be left out, and in a second block fields that are computed, with default values at first. Defaults are
/// literals of JSON.
macro_rules! settings {
    (@list $($(#[doc = $doc:literal])* $field:ident: $type:ty $([$range:ident])? $(= $default:expr)?;)*) => {
        &[$($crate::setting::Setting {
            name: stringify!($field),
            range: $crate::setting::settings!(@range $($range)?),
            default: $crate::setting::settings!(@default $($default)?),
            #[cfg(test)]
            doc: concat!($($doc, "\n"),*),
            #[cfg(test)]
            kind: <$type as $crate::setting::Type>::KIND,
        }),*]
    };
    (@range) => { $crate::setting::Range::ANY };
    (@range $range:ident) => { $crate::setting::Range::$range };
    (@default) => { None };
    (@default $default:expr) => { Some(stringify!($default)) };
    (
        $(#[doc = $about:literal])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $doc:literal])* $field:ident: $type:ty $([$range:ident])? $(= $default:expr)?;)*
        }
        $(and { $($(#[doc = $extra_doc:literal])* $extra:ident: $extra_type:ty,)* })?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug)]
        $visibility struct $name {
            $($(#[doc = $doc])* $field: $type,)*
            $($($(#[doc = $extra_doc])* $extra: $extra_type,)*)?
        }

        impl $name {
            /// How its settings are described.
            pub(crate) const SETTINGS: &'static [$crate::setting::Setting] = $crate::setting::settings!(
                @list $($(#[doc = $doc])* $field: $type $([$range])? $(= $default)?;)*
            );
            /// What it is.
            #[cfg(test)]
            #[allow(dead_code, reason = "Attributes of operations are not described in words")]
            pub(crate) const ABOUT: &'static str = concat!($($about, "\n"),*);

            /// Reads and checks its settings; what is left out has its default.
            pub(crate) fn read(given: &$crate::setting::Settings) -> $crate::error::Result<Self> {
                #[allow(unused_mut, unused_variables, reason = "There may be no settings")]
                let mut reader = $crate::setting::Reader::new(Self::SETTINGS, given)?;
                Ok(Self { $($field: reader.next()?,)* $($($extra: Default::default(),)*)? })
            }
        }
    };
}

/// Declares an enumeration whose variants are names on the wire, in camel case.
macro_rules! names {
    ($(#[$about:meta])* $visibility:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        $visibility enum $name { $($(#[$doc])* $variant,)* }

        #[cfg(test)]
        #[allow(dead_code, reason = "Only some are listed for TypeScript")]
        impl $name {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),*];
        }

        impl $crate::setting::Type for $name {
            #[cfg(test)]
            const KIND: $crate::setting::SettingKind = $crate::setting::SettingKind::Name(&[$(stringify!($variant)),*]);
        }
    };
}

pub(crate) use {names, settings};
