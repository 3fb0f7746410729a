//! Whole conversations, without a bus: what needs NetworkManager is proven on an emulated board.

use std::fs;

use super::*;

struct Box {
    setup: Setup,
    dir: PathBuf,
}

impl Box {
    fn new(name: &str) -> Self {
        let dir = crate::host::test_dir(name);
        fs::create_dir_all(&dir).unwrap();
        Self { setup: Setup::open(&[dir.join("site.toml")], None, smol::channel::bounded(1).0).unwrap(), dir }
    }

    fn ask_from(&self, from: &str, request: Value) -> Value {
        smol::block_on(self.setup.answer(&json!({ "setup": request, "from": from }), None))
    }

    fn ask(&self, request: Value) -> Value {
        self.ask_from("192.168.1.7", request)
    }

    /// The code on the screen, by which another one comes in.
    fn code(&self) -> String {
        match self.setup.door.borrow_mut().look(Instant::now(), Ipv4Addr::LOCALHOST.into()) {
            Ok(Way::Code { new: Some(code), .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    fn enter(&self) -> String {
        let code = self.code();
        self.ask(json!({ "do": "code", "code": code }))["session"].as_str().unwrap().to_owned()
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const PASSWORD: &str = "correct horse battery";

#[test]
fn a_box_is_set_up_once_by_the_code_and_later_by_the_password() {
    let it = Box::new("setup-once");
    assert_eq!(it.ask(json!({ "do": "status" })), json!({ "set_up": false }));
    let session = it.enter();
    let state = it.ask(json!({ "do": "state" }));
    assert_eq!((&state["way"], &state["digits"]), (&json!("code"), &json!(6)));
    let look = it.ask(json!({ "do": "look", "session": session }));
    assert_eq!((&look["name"], &look["set_up"]), (&json!("Moothall"), &json!(false)));
    let room = |more: Value| {
        let mut request = json!({ "do": "room", "session": session, "name": "Harbour room" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it.ask(request)
    };
    assert_eq!(room(json!({}))["error"], "short", "no box without a password");
    assert_eq!(room(json!({ "password": "too short" }))["error"], "short");
    assert_eq!(room(json!({ "password": PASSWORD, "name": " " }))["error"], "name");
    assert_eq!(room(json!({ "password": PASSWORD, "zone": "Moon/Tycho" }))["error"], "zone");
    assert_eq!(fs::read_dir(&it.dir).unwrap().count(), 0, "nothing of it was done");
    let done = room(json!({ "password": PASSWORD }));
    assert_eq!((&done["ok"], &done["set_up"]), (&json!(true), &json!(true)));
    assert_eq!(it.ask(json!({ "do": "look", "session": session }))["error"], "session");
    assert_eq!(it.ask(json!({ "do": "look", "session": done["session"] }))["name"], "Harbour room");
    assert_eq!(it.ask(json!({ "do": "state" })), json!({ "set_up": true, "way": "password" }));

    let again = Setup::open(&[it.dir.join("site.toml")], None, smol::channel::bounded(1).0).unwrap();
    let ask = |request: Value| smol::block_on(again.answer(&json!({ "setup": request, "from": "fe80::1" }), None));
    assert_eq!(ask(json!({ "do": "code", "code": "000000" }))["error"], "other_way");
    assert_eq!(ask(json!({ "do": "password", "password": "wrong" }))["error"], "password");
    assert_eq!(ask(json!({ "do": "password", "password": PASSWORD }))["error"], "wait");
    let other = json!({ "setup": { "do": "password", "password": PASSWORD }, "from": "10.0.0.9" });
    smol::block_on(async {
        smol::Timer::after(Duration::from_secs(2)).await;
        assert_eq!(again.answer(&other, None).await["session"].as_str().map(str::len), Some(64));
    });
}

#[test]
fn nothing_is_done_for_whoever_has_not_come_in() {
    let it = Box::new("setup-out");
    for request in [
        json!({ "do": "look", "session": "x" }),
        json!({ "do": "room", "session": "", "name": "Mine", "password": PASSWORD }),
        json!({ "do": "networks", "session": "x" }),
        json!({ "do": "network", "session": "x", "network": { "kind": "cable", "device": "eth0" } }),
        json!({ "do": "keep", "session": "x" }),
        json!({ "do": "undo", "session": "x" }),
        json!({ "do": "call", "session": "x" }),
        json!({ "do": "finish", "session": "x" }),
    ] {
        assert_eq!(it.ask(request.clone()), json!({ "error": "session" }), "{request}");
    }
    for question in [
        json!({}),
        json!({ "do": "x" }),
        json!({ "do": "look" }),
        json!([]),
        json!({ "do": "code", "code": "1", "x": 1 }),
    ] {
        assert_eq!(it.ask(question), json!({ "error": "malformed" }));
    }
    assert_eq!(it.ask_from("nowhere", json!({ "do": "status" })), json!({ "error": "malformed" }));
    assert_eq!(fs::read_dir(&it.dir).unwrap().count(), 0);
}

#[test]
fn nobody_comes_in_from_the_internet() {
    let it = Box::new("setup-far");
    let code = it.code();
    assert_eq!(it.ask_from("203.0.113.7", json!({ "do": "state" })), json!({ "error": "far", "set_up": false }));
    assert_eq!(it.ask_from("203.0.113.7", json!({ "do": "code", "code": code })), json!({ "error": "far" }));
    assert!(it.ask(json!({ "do": "code", "code": code }))["session"].is_string(), "the code is still good");
}

#[test]
fn wrong_codes_are_counted_and_make_a_pause() {
    let it = Box::new("setup-wrong");
    let code = it.code();
    for left in [4, 3, 2, 1] {
        assert_eq!(it.ask(json!({ "do": "code", "code": "none" })), json!({ "error": "code", "left": left }));
    }
    assert_eq!(it.ask(json!({ "do": "code", "code": "none" })), json!({ "error": "pause", "seconds": 60 }));
    assert_eq!(it.ask(json!({ "do": "code", "code": code }))["error"], "pause");
    it.setup.reopen();
    assert_eq!(it.ask(json!({ "do": "state" }))["way"], "code", "the button ends it");
}

#[test]
fn where_there_is_no_network_manager_that_is_said() {
    let it = Box::new("setup-no-manager");
    let session = it.enter();
    assert_eq!(it.ask(json!({ "do": "networks", "session": session })), json!({ "manager": false }));
    let cable = json!({ "kind": "cable", "device": "eth0" });
    let change = |network: Value| it.ask(json!({ "do": "network", "session": session, "network": network }));
    assert_eq!(change(cable), json!({ "error": "no_manager" }));
    let odd = json!({ "kind": "cable", "device": "eth0", "fixed": { "address": "nonsense" } });
    assert_eq!(change(odd), json!({ "error": "wish", "part": "address" }));
    assert_eq!(it.ask(json!({ "do": "finish", "session": session })), json!({ "ok": true, "restarts": false }));
}
