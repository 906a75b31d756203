//! Values by the path of their key: `flow.0.control.aimd.additive_increase`.

use toml::{Table, Value};

/// Keys whose tables have one key only, which says what they are: to set something of another replaces the first.
const CHOICES: [&str; 6] = ["control", "loss", "queue", "discipline", "application", "topology"];

/// Sets a value; tables on the way are made. `flow` without a number means each flow.
pub(super) fn set(table: &mut Table, path: &str, text: &str) -> Result<(), String> {
    let parts: Vec<&str> = path.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err("the path of a key has names between its dots, such as flow.0.ecn".to_owned());
    }
    if parts[0] == "flow" && !table.contains_key("flow") {
        table.insert("flow".to_owned(), Value::Array(vec![Value::Table(Table::new())]));
    }
    in_table(table, &parts, &value(text))
}

/// A value as TOML has it; what is no TOML is a text.
pub(super) fn value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok();
    let alone = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    alone.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn in_table(table: &mut Table, parts: &[&str], value: &Value) -> Result<(), String> {
    let [name, rest @ ..] = parts else { return Ok(()) };
    let Some(next) = rest.first() else {
        table.insert((*name).to_owned(), value.clone());
        return Ok(());
    };
    let below = table.entry(*name).or_insert_with(|| Value::Table(Table::new()));
    match below {
        Value::Array(array) => in_array(array, name, rest, value),
        Value::Table(inner) => {
            if CHOICES.contains(name) && !inner.contains_key(*next) {
                inner.clear();
            }
            in_table(inner, rest, value)
        }
        // A choice by its bare name, such as control = "reno".
        other => {
            *other = Value::Table(Table::new());
            other.as_table_mut().map_or(Ok(()), |inner| in_table(inner, rest, value))
        }
    }
}

fn in_array(array: &mut [Value], name: &str, parts: &[&str], value: &Value) -> Result<(), String> {
    let length = array.len();
    let all = |array: &mut [Value], parts: &[&str]| {
        array.iter_mut().filter_map(Value::as_table_mut).try_for_each(|inner| in_table(inner, parts, value))
    };
    match parts[0].parse::<usize>() {
        Err(_) => all(array, parts),
        Ok(index) if index < length => all(&mut array[index..=index], &parts[1..]),
        Ok(_) => {
            Err(format!("there is no {name}.{}: they are counted from 0, and there are {length}", parts[0]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, path: &str, value: &str) -> String {
        let mut table: Table = toml::from_str(text).unwrap();
        set(&mut table, path, value).unwrap();
        toml::to_string(&table).unwrap()
    }

    #[test]
    fn a_value_is_set_where_its_path_leads() {
        assert_eq!(changed("", "seed", "7"), "seed = 7\n");
        assert_eq!(changed("", "flow.ecn", "true"), "[[flow]]\necn = true\n");
        let two = "[[flow]]\n[[flow]]\n";
        assert_eq!(changed(two, "flow.window", "1 MiB").matches("window = \"1 MiB\"").count(), 2);
        assert_eq!(changed(two, "flow.1.window", "1 MiB").matches("window = \"1 MiB\"").count(), 1);
    }

    #[test]
    fn one_choice_replaces_another() {
        let text = "[[flow]]\ncontrol = \"reno\"\n";
        let aimd = changed(text, "flow.control.aimd.additive_increase", "6.0");
        assert_eq!(aimd, "[[flow]]\n\n[flow.control.aimd]\nadditive_increase = 6.0\n");
        let more = changed(&aimd, "flow.control.aimd.multiplicative_decrease", "0.3");
        assert!(more.contains("additive_increase = 6.0\nmultiplicative_decrease = 0.3"), "{more}");
        assert!(!changed(&aimd, "flow.control.wad.x", "1").contains("aimd"));
    }

    #[test]
    fn a_number_that_no_flow_has_is_refused() {
        let mut table = Table::new();
        let error = set(&mut table, "flow.3.ecn", "true").unwrap_err();
        assert_eq!(error, "there is no flow.3: they are counted from 0, and there are 1");
        assert!(set(&mut table, "flow..ecn", "true").is_err());
    }
}
