//! The container files, as far as they can be judged without a container engine.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::Command;

type Claim = Result<(), Box<dyn Error>>;

fn read(path: &str) -> std::io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

/// Reads the YAML that our files keep to: maps and lists by indentation, two spaces a step, with
/// values on their line. A value is found under its keys joined by dots, the items of a list
/// together. Anything else is refused.
fn yaml(text: &str) -> Result<BTreeMap<String, Vec<String>>, Box<dyn Error>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut keys: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let rest = line.trim_start();
        if rest.is_empty() {
            continue;
        }
        let indent = line.len() - rest.len();
        let odd = || format!("this reader knows no `{line}`");
        if !indent.is_multiple_of(2) || rest.contains('\t') || indent / 2 > keys.len() {
            return Err(odd().into());
        }
        keys.truncate(indent / 2);
        if let Some(item) = rest.strip_prefix("- ") {
            values.entry(keys.join(".")).or_default().push(item.trim().to_owned());
            continue;
        }
        let (key, value) = rest.split_once(':').ok_or_else(odd)?;
        keys.push(key.to_owned());
        let value = value.trim();
        let list = value.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        let items = list.map_or_else(|| vec![value], |list| list.split(',').collect());
        let items = items.iter().map(|item| item.trim().trim_matches('"').to_owned());
        let path = keys.join(".");
        if values.insert(path.clone(), items.filter(|item| !item.is_empty()).collect()).is_some() {
            return Err(format!("{path} stands twice").into());
        }
    }
    Ok(values)
}

/// The names right below a key.
fn names<'a>(values: &'a BTreeMap<String, Vec<String>>, under: &str) -> BTreeSet<&'a str> {
    let below = |path: &'a String| path.strip_prefix(under)?.strip_prefix('.')?.split('.').next();
    values.keys().filter_map(below).collect()
}

fn at<'a>(values: &'a BTreeMap<String, Vec<String>>, path: &str) -> &'a [String] {
    values.get(path).map_or(&[], Vec::as_slice)
}

#[test]
fn every_service_is_watched_and_has_the_secrets_it_names() -> Claim {
    let compose = yaml(&read("docker-compose.yml")?)?;
    let services = names(&compose, "services");
    assert_eq!(services, BTreeSet::from(["cadran", "postgres"]));
    let mut used = BTreeSet::new();
    for service in &services {
        let of = |key: &str| at(&compose, &format!("services.{service}.{key}"));
        assert!(of("healthcheck.test").len() > 1, "{service} has no health check");
        assert_eq!(of("restart"), ["unless-stopped"], "{service}");
        assert!(of("privileged").is_empty(), "{service} must not be privileged");
        used.extend(of("secrets").iter().map(String::as_str));
    }
    assert_eq!(used, names(&compose, "secrets"), "each secret is declared, and used");
    for secret in &used {
        let file = at(&compose, &format!("secrets.{secret}.file"));
        assert_eq!(file, [format!("${{CADRAN_SECRETS:-./secrets}}/{secret}")]);
    }
    assert_eq!(at(&compose, "services.postgres.profiles"), ["postgres"]);
    let waits = "services.cadran.depends_on.postgres";
    assert_eq!(at(&compose, &format!("{waits}.condition")), ["service_healthy"]);
    assert_eq!(at(&compose, &format!("{waits}.required")), ["false"], "without the profile");
    let mounted: BTreeSet<_> = services
        .iter()
        .flat_map(|service| at(&compose, &format!("services.{service}.volumes")))
        .filter_map(|volume| volume.split(':').next())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase()))
        .collect();
    assert_eq!(mounted, names(&compose, "volumes"), "each volume is declared, and used");
    Ok(())
}

#[test]
fn no_secret_stands_in_the_container_files() -> Claim {
    for file in ["docker-compose.yml", ".env.example", "Dockerfile"] {
        for line in read(file)?.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once([':', '=']).unwrap_or((line, ""));
            let secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"]
                .iter()
                .any(|word| key.to_uppercase().contains(word));
            let place = value.is_empty() || value.contains('/');
            assert!(!secret || place, "{file}: `{key}` may name a place, never a secret");
        }
    }
    let ignored = read(".gitignore")?;
    for path in ["/secrets", "/.env"] {
        assert!(ignored.lines().any(|line| line == path), "{path} must not be committed");
    }
    Ok(())
}

#[test]
fn every_variable_of_the_compose_file_is_explained() -> Claim {
    let (compose, example) = (read("docker-compose.yml")?, read(".env.example")?);
    let named: BTreeSet<_> =
        compose.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next()).collect();
    let explained: BTreeSet<_> = example
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert_eq!(named, explained);
    Ok(())
}

#[test]
fn the_program_knows_every_command_the_containers_give_it() -> Claim {
    let image = read("Dockerfile")?;
    let compose = yaml(&read("docker-compose.yml")?)?;
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect()
    };
    let inner = |line: &str| {
        let (_, rest) = line.split_once('[')?;
        Some(list(rest.split_once(']')?.0))
    };
    let mut commands: Vec<Vec<String>> =
        image.lines().filter(|line| line.contains("CMD [")).filter_map(inner).collect();
    assert_eq!(commands.len(), 2, "a command and a health check");
    commands.push(at(&compose, "services.cadran.command").to_vec());
    commands.push(at(&compose, "services.cadran.healthcheck.test")[1..].to_vec());
    for command in commands {
        let words = command.iter().map(String::as_str).filter(|word| *word != "cadran");
        let told = Command::new(env!("CARGO_BIN_EXE_cadran")).args(words).arg("--help").output()?;
        assert!(told.status.success(), "{command:?}: {}", String::from_utf8_lossy(&told.stderr));
    }
    Ok(())
}
