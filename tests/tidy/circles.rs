//! Modules of a crate import each other in no circle, and the engine shows three of its own.

use super::{File, assert_none, file, is_comment, tracked};
use std::collections::{BTreeMap, BTreeSet};

/// Modules directly below a crate's `src` that import each other in a circle, in alphabetical order. A circle that is not here is a new one: let what
/// both sides need be a module that imports neither. A folder counts as one module, and a crate that is not here has no circle.
const CIRCLES: &[(&str, &[&str])] = &[
    ("audit/src/", &["cut", "rebuilt"]),
    ("audit/src/", &["reader", "times"]),
    ("ports/src/", &["log", "membership"]),
    ("src/", &["cli", "commands"]),
    ("src/", &["http", "worker"]),
];

/// Which module of a crate imports which others, tests left out. What stands in the crate's root is the module `lib` (or `main`); a name that the root
/// exports again stands for the module it comes from.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The text up to the tests at its end, comments left out.
fn without_tests(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" && lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{')) {
            break;
        }
        if !is_comment(line) {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// The identifier at the beginning of `text`.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The first names of `a::b` or of `{a::b, c::{d, e}}`, which are a, or a and c.
fn first_names(path: &str) -> Vec<&str> {
    let Some(group) = path.strip_prefix('{') else { return vec![word(path)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                names.push(word(group.get(start..at).unwrap_or_default()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// The imports of the crate whose sources lie in `src`, which ends with a slash.
fn imports(files: &[File], src: &str) -> Imports {
    let (mut imports, mut exports) = (Imports::new(), BTreeMap::new());
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test() && !file.path.ends_with("/tests.rs")) {
        let Some(path) = file.path.strip_prefix(src) else { continue };
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
        let module = path.split('/').next().unwrap_or_default();
        let is_root = ["lib", "main"].contains(&path);
        let mut code = without_tests(&file.text);
        if !is_root {
            code = code.replace(&"super::".repeat(path.split('/').count()), "crate::");
        }
        let names = imports.entry(module.to_owned()).or_default();
        names.extend(code.split("crate::").skip(1).flat_map(first_names).map(str::to_owned));
        if is_root {
            for path in code.split(';').filter_map(|statement| statement.trim().strip_prefix("pub use ")) {
                let words = path.split(|c: char| !c.is_alphanumeric() && c != '_');
                exports.extend(words.map(|exported| (exported.to_owned(), word(path).to_owned())));
            }
        }
    }
    let modules: BTreeSet<String> = imports.keys().cloned().collect();
    for (module, names) in &mut imports {
        let home = |name: String| match exports.get(&name) {
            _ if modules.contains(&name) => name,
            Some(from) if modules.contains(from) => from.clone(),
            _ => "lib".to_owned(),
        };
        *names = std::mem::take(names)
            .into_iter()
            .filter(|name| !name.is_empty())
            .map(home)
            .filter(|name| name != module)
            .collect();
    }
    imports
}

/// What `module` imports, and what that imports, and so on.
fn reached<'a>(imports: &'a Imports, module: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![module];
    while let Some(module) = open.pop() {
        for name in imports.get(module).into_iter().flatten() {
            if reached.insert(name.as_str()) {
                open.push(name);
            }
        }
    }
    reached
}

/// The largest sets of modules each of which leads to all others.
fn circles(imports: &Imports) -> BTreeSet<Vec<&str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|module| (module.as_str(), reached(imports, module))).collect();
    let circle = |module: &&str| -> Vec<&str> {
        let leads_back = |other: &&str| reach.get(other).is_some_and(|from_there| from_there.contains(module));
        reach.get(module).into_iter().flatten().copied().filter(leads_back).collect()
    };
    reach.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
}

fn wrong_circles(files: &[File], allowed: &[(&str, &[&str])]) -> Vec<String> {
    let mut found = Vec::new();
    let mut left: BTreeSet<(&str, Vec<&str>)> = allowed.iter().map(|(src, circle)| (*src, circle.to_vec())).collect();
    for src in files.iter().filter_map(|file| file.path.strip_suffix("lib.rs")).filter(|src| src.ends_with("src/")) {
        for circle in circles(&imports(files, src)) {
            let is_known = left.iter().find(|(known_src, known)| *known_src == src && *known == circle).cloned();
            match is_known {
                Some(known) => drop(left.remove(&known)),
                None => found.push(format!("{src}: modules {} import each other in a circle", circle.join(", "))),
            }
        }
    }
    found.extend(
        left.iter().map(|(src, circle)| format!("{src}: {} is no circle any more, strike it", circle.join(", "))),
    );
    found
}

#[test]
fn modules_do_not_import_each_other() {
    assert_none(&wrong_circles(&tracked(), CIRCLES));
}

/// What the engine shows: a module for authors of topologies, one for what runs them, one for what looks at them.
const ENGINE_SHOWS: [&str; 3] = ["pub mod inspect;", "pub mod prelude;", "pub mod runtime;"];

#[test]
fn the_engine_shows_three_modules() {
    let files = tracked();
    let root = files.iter().find(|file| file.path == "engine/src/lib.rs").expect("the engine has a root");
    let shown: Vec<&str> = root.text.lines().filter(|line| line.starts_with("pub ")).collect();
    assert_eq!(shown, ENGINE_SHOWS);
}

#[test]
fn a_circle_of_imports_is_found_and_a_test_makes_none() {
    let lib = || file("a/src/lib.rs", "mod x;\nmod y;\nmod z;\npub use z::Z;\n");
    let x = |text: &str| file("a/src/x.rs", text);
    let folder = |text: &str| file("a/src/y/inner.rs", text);
    let count = |files: &[File]| wrong_circles(files, &[]).len();
    assert_eq!(count(&[lib(), x("use crate::{y::{self, A}, z};"), folder("use crate::z;"), file("a/src/z.rs", "")]), 0);
    assert_eq!(count(&[lib(), x("use crate::{z, y::A};"), folder("use super::super::x;")]), 1);
    assert_eq!(count(&[lib(), x("use crate::y;"), folder("fn f() { crate::x::g() }")]), 1);
    assert_eq!(
        count(&[lib(), x("use crate::y;"), folder("// crate::x\n#[cfg(test)]\nmod tests {\n use crate::x;\n}\n")]),
        0
    );
    assert_eq!(count(&[lib(), x("use crate::Z;"), file("a/src/z.rs", "use crate::x;")]), 1, "by a name of the root");
    assert_eq!(count(&[lib(), x("use crate::Z;"), file("a/src/z.rs", "")]), 0);
    assert_eq!(wrong_circles(&[lib(), x("")], &[("a/src/", &["x", "y"])]).len(), 1, "a circle that is gone");
}
