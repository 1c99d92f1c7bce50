use super::*;
use crate::record;
use holdfast_model::rfc3339;

/// A queue for 2, 3 a second.
const CREATED: &str = r#""type":"CREATED","maxActive":2,"admitPerSecond":3,"state":"OPEN""#;

fn at(ms: i64) -> String {
    rfc3339::to_string(1_000_000 + ms)
}

fn follow(hall: &mut Hall, fact: &str, ms: i64) -> Result<&'static str, String> {
    let json = format!(r#"{{{fact},"queueId":"q","occurredAt":"{}"}}"#, at(ms));
    hall.follow(&record::read::<Fact<'_>>(Some(json.as_bytes())).unwrap())
}

fn entered(ticket: u64, user: &str, position: u64) -> String {
    format!(r#""type":"ENTERED","ticket":{ticket},"userId":"{user}","position":{position}"#)
}

fn admitted(ticket: u64, user: &str) -> String {
    format!(r#""type":"ADMITTED","ticket":{ticket},"userId":"{user}","activeUntil":"{}""#, at(600_000))
}

fn ended(ticket: u64, user: &str, reason: &str) -> String {
    format!(r#""type":"ENDED","ticket":{ticket},"userId":"{user}","reason":"{reason}""#)
}

/// Facts with their times.
fn day() -> Vec<(String, i64)> {
    vec![
        (CREATED.to_owned(), 0),
        (r#""type":"OPENED""#.to_owned(), 0),
        (entered(1, "a", 1), 10),
        (admitted(1, "a"), 10),
        (entered(2, "b", 1), 20),
        (admitted(2, "b"), 20),
        (entered(3, "c", 1), 30),
        (entered(4, "d", 2), 40),
        (entered(5, "e", 3), 50),
        (ended(4, "d", "LEFT"), 60),
        (ended(1, "a", "PURCHASED"), 900),
        (admitted(3, "c"), 900),
        (entered(6, "a", 2), 950),
        (ended(3, "c", "SILENT"), 1_010),
        (admitted(5, "e"), 1_010),
        (ended(2, "b", "TIMED_OUT"), 600_000),
        (admitted(6, "a").replace(&at(600_000), &at(1_200_000)), 600_000),
    ]
}

/// The first thing that is wrong with a day.
fn wrong(day: &[(String, i64)]) -> Option<String> {
    let mut hall = Hall::default();
    day.iter().find_map(|(fact, ms)| follow(&mut hall, fact, *ms).err())
}

#[test]
fn a_day_that_is_right_is_right() {
    assert_eq!(wrong(&day()), None);
    let mut hall = Hall::default();
    for (fact, ms) in day() {
        follow(&mut hall, &fact, ms).unwrap();
    }
    assert_eq!(hall.ticket(4), Some((short("d"), Fate::Ended(short("LEFT")))));
    assert_eq!(hall.ticket(6), Some((short("a"), Fate::Active)));
    assert_eq!((hall.ticket(0), hall.ticket(7)), (None, None));
}

/// What is done to a right day, and what is said about it.
type Crime = (fn(&mut Vec<(String, i64)>), &'static str);

#[test]
fn each_way_of_being_wrong_is_found() {
    let crimes: [Crime; 18] = [
        (|day| day[6].0 = entered(4, "c", 1), "the next one is 3"),
        (|day| day[6].0 = entered(3, "b", 1), "which is live"),
        (|day| day[7].0 = entered(4, "d", 3), "told position Some(3), counted are Some(2)"),
        // D14: the position of the day on which nobody had left.
        (|day| day[12].0 = entered(6, "a", 3), "told position Some(3), counted are Some(2)"),
        (|day| day[11].0 = admitted(5, "e"), "first in line is Some(3)"),
        (|day| day[3].0 = admitted(2, "b"), "first in line is Some(1)"),
        (|day| drop(day.remove(10)), "beside 2, 2 may be in"),
        (|day| day[13].1 = 1_000, ""),
        (|day| (day[13].1, day[14].1) = (1_000, 1_009), "admission 4 within a second"),
        (|day| day[9].0 = ended(4, "e", "LEFT"), "another user's"),
        (|day| day[10].0 = ended(4, "d", "LEFT"), "was not live"),
        (|day| day[10].0 = ended(3, "c", "PURCHASED"), "ended as PURCHASED"),
        (|day| day[15].1 = 599_999, "ended as TIMED_OUT"),
        (|day| day[9].0 = ended(4, "d", "BORED"), "ended as BORED"),
        (|day| day.insert(5, (CREATED.replace("CREATED", "CHANGED").replace("OPEN", "PAUSED"), 20)), "lets nobody in"),
        (
            |day| day.insert(8, (CREATED.replace("CREATED", "CHANGED").replace("OPEN", "DRAINING"), 20)),
            "takes no joins",
        ),
        (|day| day[1].0 = CREATED.to_owned(), "a queue that is there"),
        (|day| day.insert(2, (r#""type":"OPENED""#.to_owned(), 0)), "open already"),
    ];
    for (n, (crime, said)) in crimes.into_iter().enumerate() {
        let mut day = day();
        crime(&mut day);
        match wrong(&day) {
            None => assert!(said.is_empty(), "case {n}: {said}"),
            Some(why) => assert!(!said.is_empty() && why.contains(said), "case {n}: {why}"),
        }
    }
}

#[test]
fn a_draw_is_made_again() {
    let seed = [7; 32];
    let created = |hash: &[u8; 32]| {
        let hash = draw::hex(&draw::seed_hash(hash));
        format!(r#"{CREATED},"opensAt":"{}","seedHash":"{hash}""#, at(100))
    };
    let early = |ticket: u64| format!(r#""type":"ENTERED","ticket":{ticket},"userId":"u{ticket}""#);
    let opened = |drawn: u64| {
        format!(r#""type":"OPENED","opensAt":"{}","seed":"{}","drawn":{drawn}"#, at(100), draw::hex(&seed))
    };
    let day = |first: u64| {
        let mut day = vec![(created(&seed), 0)];
        day.extend((1..=4).map(|ticket| (early(ticket), 10)));
        day.push((ended(2, "u2", "LEFT"), 20));
        day.push((opened(4), 100));
        day.push((admitted(first, &format!("u{first}")), 100));
        day.push((entered(5, "u5", 3), 110));
        day
    };
    let first = draw::line(&seed, [1, 3, 4])[0];
    assert_eq!(wrong(&day(first)), None);
    let other = [1, 3, 4].into_iter().find(|ticket| *ticket != first).unwrap();
    assert!(wrong(&day(other)).unwrap().contains("first in line"));
    for (n, (crime, said)) in [
        (
            &(|day: &mut Vec<(String, i64)>| day[0].0 = created(&[8; 32])) as &dyn Fn(&mut Vec<(String, i64)>),
            "published",
        ),
        (&|day| day[6].1 = 99, "before its time"),
        (&|day| day[6].0 = opened(3), "4 were given out"),
        (&|day| day[1].0 = entered(1, "u1", 1), "counted are None"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut day = day(first);
        crime(&mut day);
        let why = wrong(&day).unwrap();
        assert!(why.contains(said), "case {n}: {why}");
    }
}
