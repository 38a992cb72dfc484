//! Envoy's Lua filter, as far as scripts read and change a request's headers. The script really runs, in a Lua 5.1 of its own
//! for each request, without files, processes, other code and endless loops. What Envoy offers scripts besides is not imitated:
//! a script that asks for it is refused, never half run (docs/decisions/lua-on-the-practice-edge.md).

use super::envoy_filter::{LuaFilter, NotImitated};
use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use mlua::{
    AnyUserData, BString, Error, Function, HookTriggers, Lua, LuaOptions, MetaMethod, MultiValue, StdLib, UserData,
    UserDataMethods, Value,
};
use std::{cell::RefCell, rc::Rc};

/// A script for headers needs some hundred instructions. Envoy itself would loop on, and answer nobody.
const MOST_INSTRUCTIONS: u32 = 100_000;
/// Bytes that a script may have at a time.
const MOST_MEMORY: usize = 8 << 20;

/// Lua's own names that scripts have in Envoy and not here.
const ABSENT: [&str; 21] = [
    "bit",
    "collectgarbage",
    "coroutine",
    "debug",
    "dofile",
    "ffi",
    "getfenv",
    "io",
    "jit",
    "load",
    "loadfile",
    "loadstring",
    "module",
    "newproxy",
    "os",
    "package",
    "pcall",
    "print",
    "require",
    "setfenv",
    "xpcall",
];

/// The levels at which scripts write into Envoy's log.
const LOGS: [&str; 6] = ["logTrace", "logDebug", "logInfo", "logWarn", "logErr", "logCritical"];

/// What a request's script sees and changes.
#[derive(Default)]
struct Seen {
    headers: HeaderMap,
    method: String,
    target: String,
    /// Somebody goes through the headers; until they are through, none may be changed.
    walking: bool,
    /// The first thing that was asked for and is not imitated.
    not_imitated: Option<String>,
}

type Shared = Rc<RefCell<Seen>>;

/// Runs a filter's script on a request. A script that fails is noted in the log and the request goes on with what was changed
/// so far, as in Envoy.
pub fn run(filter: &LuaFilter, request: &mut Request<Bytes>) -> Result<(), NotImitated> {
    let shared = Shared::new(RefCell::new(Seen {
        headers: std::mem::take(request.headers_mut()),
        method: request.method().to_string(),
        target: super::hook::target(request).to_owned(),
        ..Seen::default()
    }));
    let ran = on_request(filter, &shared);
    let mut seen = shared.borrow_mut();
    *request.headers_mut() = std::mem::take(&mut seen.headers);
    let refused = |what: String| Err(NotImitated { what, origin: filter.origin.clone() });
    match (seen.not_imitated.take(), ran) {
        (Some(what), _) => refused(what),
        (None, Err(Failure::Load(error))) => refused(format!("a script that cannot be loaded: {error}")),
        (None, Err(Failure::Run(error))) => {
            tracing::error!(filter = filter.name, origin = filter.origin, %error, "script log");
            Ok(())
        }
        (None, Ok(())) => Ok(()),
    }
}

/// Where a script failed. Envoy refuses a configuration whose script does not load.
enum Failure {
    Load(Error),
    Run(Error),
}

fn on_request(filter: &LuaFilter, shared: &Shared) -> Result<(), Failure> {
    let lua = confined(shared).map_err(Failure::Load)?;
    lua.load(&filter.code).set_name(format!("={}", filter.name)).exec().map_err(Failure::Load)?;
    let globals = lua.globals();
    if !globals.get::<Value>("envoy_on_response").map_err(Failure::Load)?.is_nil() {
        return Err(Failure::Load(not_imitated(shared, "envoy_on_response of Lua filters".to_owned())));
    }
    let Some(function) = globals.get::<Option<Function>>("envoy_on_request").map_err(Failure::Load)? else {
        return Ok(());
    };
    let handle = lua.create_userdata(Handle(Rc::clone(shared))).map_err(Failure::Run)?;
    function.call::<()>(handle).map_err(Failure::Run)
}

/// A Lua without ways out.
fn confined(shared: &Shared) -> Result<Lua, Error> {
    let lua = Lua::new_with(StdLib::STRING | StdLib::TABLE | StdLib::MATH, LuaOptions::new())?;
    lua.set_memory_limit(MOST_MEMORY)?;
    let globals = lua.globals();
    for name in ABSENT {
        globals.raw_remove(name)?;
    }
    let watched = Rc::clone(shared);
    let absent = lua.create_function(move |_, (_, name): (Value, String)| {
        if ABSENT.contains(&name.as_str()) {
            return Err(not_imitated(&watched, format!("Lua's `{name}`")));
        }
        Ok(Value::Nil)
    })?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", absent)?;
    globals.set_metatable(Some(metatable))?;
    globals.raw_set("pairs", lua.create_function(pairs)?)?;
    let watched = Rc::clone(shared);
    let triggers = HookTriggers::new().every_nth_instruction(MOST_INSTRUCTIONS);
    lua.set_hook(triggers, move |_, _| {
        Err(not_imitated(&watched, format!("scripts of more than {MOST_INSTRUCTIONS} instructions")))
    })?;
    Ok(lua)
}

/// Notes what is not imitated, and ends the script.
fn not_imitated(shared: &Shared, what: String) -> Error {
    let error = Error::runtime(format!("{what} is not imitated"));
    shared.borrow_mut().not_imitated.get_or_insert(what);
    error
}

/// `handle` in `envoy_on_request(handle)`.
struct Handle(Shared);

impl UserData for Handle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("headers", |_, handle, ()| Ok(Headers(Rc::clone(&handle.0))));
        for level in LOGS {
            methods.add_method(level, move |_, _, text: BString| {
                tracing::info!(level, "script log: {text}");
                Ok(())
            });
        }
        methods.add_meta_method(MetaMethod::Index, |_, handle, name: String| -> Result<Value, Error> {
            Err(not_imitated(&handle.0, format!("`handle:{name}` of Lua filters")))
        });
    }
}

/// `handle:headers()`.
struct Headers(Shared);

impl UserData for Headers {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("get", |lua, headers, name: BString| {
            let values = headers.0.borrow().values(&name);
            let joined = (!values.is_empty()).then(|| values.join(&b","[..]));
            joined.map(|value| lua.create_string(value)).transpose()
        });
        methods.add_method("getAtIndex", |lua, headers, (name, index): (BString, usize)| {
            let value = headers.0.borrow().values(&name).into_iter().nth(index);
            value.filter(|value| !value.is_empty()).map(|value| lua.create_string(value)).transpose()
        });
        methods.add_method("getNumValues", |_, headers, name: BString| Ok(headers.0.borrow().values(&name).len()));
        methods.add_method("add", |_, headers, (name, value): (BString, BString)| {
            let (name, value) = (headers.writable(&name)?, value_of(&value)?);
            headers.0.borrow_mut().headers.append(name, value);
            Ok(())
        });
        methods.add_method("replace", |_, headers, (name, value): (BString, BString)| {
            let (name, value) = (headers.writable(&name)?, value_of(&value)?);
            headers.0.borrow_mut().headers.insert(name, value);
            Ok(())
        });
        methods.add_method("remove", |_, headers, name: BString| {
            let name = headers.writable(&name)?;
            headers.0.borrow_mut().headers.remove(name);
            Ok(())
        });
        methods.add_meta_method(MetaMethod::Index, |_, headers, name: String| -> Result<Value, Error> {
            Err(not_imitated(&headers.0, format!("`headers:{name}` of Lua filters")))
        });
    }
}

impl Headers {
    /// The name of a header that a script may change.
    fn writable(&self, name: &[u8]) -> Result<HeaderName, Error> {
        if self.0.borrow().walking {
            return Err(Error::runtime("header map cannot be modified while iterating"));
        }
        // Whoever changes these changes where the request goes, in ways that depend on what was decided before.
        if name.starts_with(b":") || name.eq_ignore_ascii_case(b"host") {
            let name = String::from_utf8_lossy(name);
            return Err(not_imitated(&self.0, format!("a change of the header {name} by Lua filters")));
        }
        HeaderName::from_bytes(name).map_err(Error::external)
    }
}

fn value_of(value: &[u8]) -> Result<HeaderValue, Error> {
    HeaderValue::from_bytes(value).map_err(Error::external)
}

impl Seen {
    /// What Envoy keeps beside the headers, and shows among them; HTTP/1's `host` is its `:authority`.
    fn of_the_request_line(&self, name: &[u8]) -> Option<Vec<u8>> {
        let authority = || self.headers.get(header::HOST).map(|host| host.as_bytes().to_vec());
        match name {
            b":authority" | b"host" => authority(),
            b":method" => Some(self.method.clone().into_bytes()),
            b":path" => Some(self.target.clone().into_bytes()),
            b":scheme" => Some(b"https".to_vec()),
            _ => None,
        }
    }

    /// Every value of a header.
    fn values(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        if let Some(value) = self.of_the_request_line(&name) {
            return vec![value];
        }
        let Ok(name) = HeaderName::from_bytes(&name) else { return Vec::new() };
        self.headers.get_all(name).iter().map(|value| value.as_bytes().to_vec()).collect()
    }

    /// Every header, those of the request line first.
    fn all(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let line = [":authority", ":path", ":method", ":scheme"]
            .into_iter()
            .filter_map(|name| Some((name.as_bytes().to_vec(), self.of_the_request_line(name.as_bytes())?)));
        let others = self.headers.iter().filter(|(name, _)| *name != header::HOST);
        line.chain(others.map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec()))).collect()
    }
}

/// Lua's `pairs`, which in Envoy's Lua goes through headers as well.
fn pairs(lua: &Lua, of: Value) -> Result<MultiValue, Error> {
    let Value::UserData(data) = &of else {
        let next: Value = lua.globals().raw_get("next")?;
        return Ok(MultiValue::from_iter([next, of, Value::Nil]));
    };
    Ok(MultiValue::from_iter([Value::Function(through_headers(lua, data)?)]))
}

fn through_headers(lua: &Lua, data: &AnyUserData) -> Result<Function, Error> {
    let shared = Rc::clone(&data.borrow::<Headers>()?.0);
    if std::mem::replace(&mut shared.borrow_mut().walking, true) {
        return Err(Error::runtime("cannot create a second iterator before completing the first"));
    }
    let mut rest = shared.borrow().all().into_iter();
    lua.create_function_mut(move |lua, _: MultiValue| {
        let Some((name, value)) = rest.next() else {
            shared.borrow_mut().walking = false;
            return Ok((Value::Nil, Value::Nil));
        };
        Ok((Value::String(lua.create_string(name)?), Value::String(lua.create_string(value)?)))
    })
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::practice::edge::envoy_filter::{LuaFilter, NotImitated};
    use axum::body::Bytes;
    use http::Request;

    fn request() -> Request<Bytes> {
        let request = Request::get("/a?b=c").header("host", "Myapp.example.com:443").header("x-one", "1");
        request.header("x-two", "2").header("x-two", "two").body(Bytes::new()).unwrap()
    }

    fn script(code: &str) -> Result<Request<Bytes>, NotImitated> {
        let filter =
            LuaFilter { name: "test".to_owned(), code: code.to_owned(), by_source: true, origin: "a/b".to_owned() };
        let mut request = request();
        run(&filter, &mut request)?;
        Ok(request)
    }

    fn on_request(body: &str) -> Result<Request<Bytes>, NotImitated> {
        script(&format!("function envoy_on_request(handle)\nlocal headers = handle:headers()\n{body}\nend"))
    }

    fn result(expression: &str) -> String {
        let request = on_request(&format!("headers:replace(\"result\", tostring({expression}))")).unwrap();
        request.headers()["result"].to_str().unwrap().to_owned()
    }

    #[test]
    fn given_names_then_headers_are_read_as_envoy_shows_them() {
        assert_eq!(result("headers:get(\"X-One\")"), "1", "names ignore case");
        assert_eq!(result("headers:get(\"x-two\")"), "2,two", "several values are joined");
        assert_eq!(result("headers:getAtIndex(\"x-two\", 1)"), "two");
        assert_eq!(result("headers:getNumValues(\"x-two\")"), "2");
        assert_eq!(result("headers:get(\"x-three\")"), "nil");
        assert_eq!(result("headers:get(\":authority\") .. headers:get(\":path\")"), "Myapp.example.com:443/a?b=c");
        assert_eq!(result("headers:get(\":method\") .. headers:get(\":scheme\")"), "GEThttps");
    }

    #[test]
    fn given_changes_then_the_request_has_them() {
        let code = "headers:remove(\"X-Two\") headers:add(\"x-one\", \"one\") headers:replace(\"x-new\", 5)";
        let changed = on_request(code).unwrap();
        let headers = changed.headers();
        assert!(!headers.contains_key("x-two"));
        assert_eq!(headers.get_all("x-one").iter().collect::<Vec<_>>(), ["1", "one"]);
        assert_eq!(headers["x-new"], "5");
        assert_eq!(headers["host"], "Myapp.example.com:443");
    }

    #[test]
    fn given_a_walk_through_the_headers_then_all_are_met_and_none_may_change_before_its_end() {
        let walk =
            "local all = \"\" for name, value in pairs(headers) do all = all .. name .. \"=\" .. value .. \";\" end";
        let walked = on_request(&format!("{walk} headers:add(\"all\", all)")).unwrap();
        let all = walked.headers()["all"].to_str().unwrap();
        assert!(all.starts_with(":authority=Myapp.example.com:443;:path=/a?b=c;:method=GET;:scheme=https;"), "{all}");
        assert!(all.ends_with("x-one=1;x-two=2;x-two=two;"), "{all}");
        let meanwhile = on_request("for name in pairs(headers) do headers:remove(name) end").unwrap();
        assert_eq!(meanwhile.headers(), request().headers());
        let tables = "local sum = 0 for _, n in pairs({1, 2}) do sum = sum + n end headers:add(\"sum\", sum)";
        assert_eq!(on_request(tables).unwrap().headers()["sum"], "3");
    }

    #[test]
    fn given_a_script_that_fails_then_the_request_goes_on_with_what_was_changed_so_far() {
        let went_on = on_request("headers:remove(\"x-one\") error(\"oh\") headers:remove(\"x-two\")").unwrap();
        assert!(!went_on.headers().contains_key("x-one") && went_on.headers().contains_key("x-two"));
        assert_eq!(script("local nothing = 1").unwrap().headers(), request().headers(), "no function, nothing to do");
    }

    #[test]
    fn given_what_is_not_imitated_then_it_is_refused_by_name() {
        for (code, named) in [
            ("handle:respond({[\":status\"] = \"403\"}, \"no\")", "`handle:respond`"),
            ("headers:setHttp1ReasonPhrase(\"x\")", "`headers:setHttp1ReasonPhrase`"),
            ("headers:replace(\":path\", \"/\")", "a change of the header :path"),
            ("headers:remove(\"Host\")", "a change of the header Host"),
            ("os.exit(1)", "`os`"),
            ("io.open(\"/etc/passwd\")", "`io`"),
            ("require(\"socket\")", "`require`"),
            ("loadstring(\"return 1\")()", "`loadstring`"),
            ("pcall(function() end)", "`pcall`"),
            ("while true do end", "100000 instructions"),
        ] {
            let error = on_request(code).unwrap_err();
            assert!(error.what.contains(named) && error.origin == "a/b", "{code}: {error}");
        }
        assert!(script("function envoy_on_response(handle) end").unwrap_err().what.contains("envoy_on_response"));
        assert!(script("this is no Lua").unwrap_err().what.contains("cannot be loaded"));
    }

    #[test]
    fn given_a_script_that_wants_much_memory_then_it_ends() {
        let went_on = on_request("local all = string.rep(\"x\", 1000000000) headers:add(\"all\", #all)").unwrap();
        assert!(!went_on.headers().contains_key("all"));
    }
}
